import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { freshDatabase } from '../support/database.js';
import { potctl as potctlProcess } from '../support/run-cli.js';
import { potctlHere as potctl } from '../support/run-main.js';
import { makeTree, temporaryFolder } from '../support/tree.js';

const configFile = async (text: string): Promise<string> => {
  const file = path.join(await temporaryFolder(), 'config.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

describe('config', () => {
  test('validate prints every error and exits with 15', async () => {
    const file = await configFile('profils: {}\nprofiles:\n  p: { database: { prot: 1 } }\n');
    const { exitCode, stdout } = await potctl(['config', 'validate', '--config', file, '--json']);
    expect(exitCode).toBe(15);
    const { items } = JSON.parse(stdout) as { items: { line: number; suggestion: string }[] };
    expect(items.map(({ line, suggestion }) => `${line} ${suggestion}`)).toEqual([
      "1 did you mean 'profiles'?",
      "3 did you mean 'port'?",
    ]);
  });

  test('a command that needs a broken configuration prints all errors and exits with 15', async () => {
    const file = await configFile('a: 1\nb: 2\n');
    const { exitCode, stdout, stderr } = await potctl(['config', 'show', '--config', file]);
    expect([exitCode, stdout]).toEqual([15, '']);
    expect(stderr).toContain(`${file}:1`);
    expect(stderr).toContain(`${file}:2`);
  });

  test('an unknown profile exits with 10 and a suggestion', async () => {
    const file = await configFile('profiles:\n  prod: {}\n');
    const { exitCode, stderr } = await potctl(['config', 'show', '-p', 'prdo', '--config', file]);
    expect(exitCode).toBe(10);
    expect(stderr).toContain('-p prod');
  });

  test('show --origin shows where each value comes from, and no password', async () => {
    const file = await configFile('profiles:\n  p:\n    database:\n      name: shop\n');
    const env = { PGPASSWORD: 'canary-password' };
    const { exitCode, stdout, stderr } = await potctl(['config', 'show', '--origin', '-p', 'p', '--config', file], {
      env,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`database\\.name\\s+shop\\s+${file}:4`));
    expect(stdout).toMatch(/database\.port\s+\d+\s+env PGPORT/);
    expect(stdout).toMatch(/database\.password\s+set/);
    expect(stdout + stderr).not.toContain('canary');
  });

  test('path prints only the file, schema a JSON Schema', async () => {
    const home = await temporaryFolder();
    expect(await potctl(['config', 'path'], { env: { HOME: home } })).toMatchObject({ exitCode: 0, stdout: '' });
    mkdirSync(path.join(home, '.config/potctl'), { recursive: true });
    const file = path.join(home, '.config/potctl/config.yaml');
    writeFileSync(file, '{}', { mode: 0o600 });
    expect(await potctl(['config', 'path'], { env: { HOME: home } })).toMatchObject({ stdout: `${file}\n` });
    const { stdout } = await potctl(['config', 'schema']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { profiles: expect.anything() } });
  });
});

test.each([[['--password', 'canary-word']], [['--password=canary-word']]])(
  'a password on the command line (%j) is refused with alternatives, and not repeated',
  async (args) => {
    const { exitCode, stdout, stderr } = await potctl(['doctor', ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('every user of this machine could read it');
    expect(stderr).toContain('--password-file');
    expect(stdout + stderr).not.toContain('canary');
  },
);

// Secrets are known per process: in a process that other tests share, every later 'postgres' would be hidden.
test('a role name that equals its password is still shown', async () => {
  const env = { PGUSER: 'postgres', PGPASSWORD: 'postgres' };
  const { stdout } = await potctlProcess(['config', 'show'], { env });
  expect(stdout).toMatch(/database\.user\s+postgres/);
});

test('a configuration file that does not exist is not answered with the command that just failed', async () => {
  for (const verb of ['path', 'validate']) {
    const { exitCode, stderr } = await potctl(['config', verb, '--config', '/nonexistent.yaml']);
    expect(exitCode).toBe(15);
    expect(stderr).toContain('Correct the path, or leave out --config');
    expect(stderr).not.toContain('potctl config path --config');
  }
});

test('a missing role is named as the flag that is needed', async () => {
  const { exitCode, stderr } = await potctl(['grants', 'sql']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("'potctl grants sql' needs --role support|auditor|backup|triage");
});

describe('doctor', () => {
  test('ends with the number of checks in each state', async () => {
    const { stdout, stderr } = await potctl(['doctor', '-o', 'plain'], { env: { PGHOST: '/nowhere' } });
    const lines = stdout.trimEnd().split('\n');
    const failed = lines.filter((line) => line.split('\t')[1] === 'FAIL').length;
    expect(failed).toBeGreaterThan(0);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^${lines.length} checks: .*\\b${failed} failed`));
  });

  test('exits with 0 if nothing fails, and stdout is only JSON', async () => {
    const { name } = await freshDatabase({ schema: '3dpot' });
    const files = await makeTree({ a: 'x' });
    const args = ['doctor', '--json', '--files', files, '--repository', await temporaryFolder()];
    const { exitCode, stdout } = await potctl(args, { env: { PGDATABASE: name } });
    const { items } = JSON.parse(stdout) as { items: { check: string; state: string }[] };
    expect(items.filter(({ state }) => state === 'FAIL' || state === 'UNKNOWN')).toEqual([]);
    expect(exitCode).toBe(0);
  });

  test('exits with 3 if something could not be checked, with 21 if something fails, and never crashes', async () => {
    const { name } = await freshDatabase();
    expect(await potctl(['doctor'], { env: { PGDATABASE: name } })).toMatchObject({ exitCode: 3 });
    const down = await potctl(['doctor', '--repository', '/etc/passwd'], { env: { PGHOST: '/nowhere' } });
    expect(down.exitCode).toBe(21);
    expect(down.stdout).toMatch(/connection\tFAIL/);
    expect(down.stdout).toMatch(/repository\tFAIL/);
    const broken = await potctl(['doctor', '--config', await configFile('x: 1\n')]);
    expect(broken.exitCode).toBe(21);
    expect(broken.stdout).toMatch(/configuration\tFAIL/);
  });
});
