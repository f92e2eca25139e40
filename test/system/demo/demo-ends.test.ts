import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { processesLeft } from '../../support/leftovers.js';
import { potctl, type Running, startPotctl } from '../../support/run-cli.js';
import { casesOfThisRun } from '../../support/sweep.js';
import { folderForAll } from '../../support/tree.js';

const OWN_ENVIRONMENT = { PGHOST: undefined, PGPORT: undefined, PGUSER: undefined };

async function startDemo(...args: string[]): Promise<Running & { readonly folder: string }> {
  const folder = await folderForAll();
  const env = { ...OWN_ENVIRONMENT, TMPDIR: folder };
  return { ...startPotctl(['demo', ...args], { env, timeoutMs: 120_000 }), folder };
}

const MOMENTS = [
  ['PostgreSQL is being made', 'SIGINT', 130, ''],
  ['the sample data is loaded', 'SIGINT', 130, 'a private, temporary server'],
  ['the backup runs', 'SIGTERM', 143, '$ potctl backup create'],
  ['the restore runs', 'SIGINT', 130, '$ potctl restore run'],
] as const;

test.each(casesOfThisRun(MOMENTS, (_, at) => at % 2 === 0))(
  'while %s, %s ends the tour with %i and leaves neither a process nor a file',
  { timeout: 120_000 },
  async (_when, signal, exitCode, sign) => {
    const { child, ended, printed, folder } = await startDemo();
    await (sign === '' ? folderAppears(folder) : printed(sign));
    child.kill(signal);

    expect(await ended).toMatchObject({ exitCode, signal: null });
    expect(await processesLeft(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('kill -9 leaves no server and no command running', { timeout: 120_000 }, async () => {
  const { child, ended, printed, folder } = await startDemo();
  await printed('$ potctl backup create');
  child.kill('SIGKILL');

  expect(await ended).toMatchObject({ signal: 'SIGKILL' });
  expect(await processesLeft(folder)).toEqual([]);
});

test('a failed command stops the tour, which names it and exits with its exit code', { timeout: 120_000 }, async () => {
  const { ended, printed, folder } = await startDemo();
  await printed('✓ checks');
  process.kill(pidOf(folder, 'backup create'), 'SIGTERM');

  const { exitCode, stdout } = await ended;
  expect(exitCode).toBe(143);
  expect(stdout).toMatch(/stopped: `potctl backup create .*` ended with exit code 143/);
  expect(readdirSync(folder)).toEqual([]);
});

test('--keep leaves a server that the printed commands work with, and --stop removes it', {
  timeout: 150_000,
}, async () => {
  const { ended, folder } = await startDemo('--keep');
  const { exitCode, stderr } = await ended;
  expect(exitCode).toBe(0);
  const lines = stderr.split('\n').map((line) => line.trim());
  const script = lines.filter((line) => /^(cd|export) /.test(line)).join('\n');

  const users = execFileSync('sh', ['-c', `${script}\npsql -XAtc 'select count(*) from users'`], { encoding: 'utf8' });
  expect(users.trim()).toBe('2000');

  const [, kept = ''] = /potctl demo --stop (\S+)/.exec(stderr) ?? [];
  expect(await potctl(['demo', '--stop', kept])).toMatchObject({ exitCode: 0 });
  expect(await processesLeft(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});

test('--stop refuses a directory that is not a kept demo, and does not change it', async () => {
  const folder = await folderForAll();
  mkdirSync(path.join(folder, 'data'));
  writeFileSync(path.join(folder, 'precious'), 'x');

  expect(await potctl(['demo', '--stop', folder])).toMatchObject({ exitCode: 30 });
  expect(readdirSync(folder)).toEqual(['data', 'precious']);
});

async function folderAppears(folder: string): Promise<void> {
  while (readdirSync(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The process of a command of the tour that plays below `folder`. */
function pidOf(folder: string, words: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const facts = (pid: string) => ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'));
  const found = pids.find((pid) => {
    try {
      const [line = '', environment = ''] = facts(pid);
      return line.replaceAll('\0', ' ').includes(`potctl.js ${words}`) && environment.includes(folder);
    } catch {
      return false;
    }
  });
  return Number(found);
}
