import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../commands/registry.js';
import { freshDatabase, type TestDatabase } from '../support/database.js';
import { potctl, type Ran } from '../support/run-cli.js';
import { potctlHere } from '../support/run-main.js';

const CANARY = 'Canary-9f3c!7';
/** The tour has tests of its own and takes its time. */
const names = commands.map(({ name }) => name).filter((name) => name !== 'demo');
const ARGUMENT: Readonly<Record<string, readonly string[]>> = {
  explain: ['E_LOCKED'],
  completion: ['bash'],
  'backup create': ['--only', 'db', '--jobs', '1', '--label', 'buildOf=2.0.6'],
  'backup prune': ['--keep-last', '1', '--max-remove', '0'],
  'backup pin': ['latest', '--reason', 'test'],
  'backup unpin': ['latest'],
  'backup import': ['/nonexistent/set'],
  // The file would be the one in force for all that follows.
  'config init': ['--dry-run'],
  'grants sql': ['--role', 'support'],
  'mfa rotate': ['--reason', 'yearly key rotation'],
  ...Object.fromEntries(
    ['status', 'enroll', 'confirm', 'verify', 'codes', 'reset', 'disable', 'unlock', 'explain'].map((verb) => [
      `mfa ${verb}`,
      ['ana', ...(['status', 'verify', 'explain'].includes(verb) ? [] : ['--reason', 'lost phone, called back'])],
    ]),
  ),
};
/** What says no before anybody would be asked: an undo has nothing to take back here, and no change is made without a record. */
const EARLIER: Readonly<Record<string, number>> = {
  'restore undo': 10,
  ...Object.fromEntries(['enroll', 'codes', 'reset', 'disable', 'unlock'].map((verb) => [`mfa ${verb}`, 17])),
};
const needs = new Map(commands.map((command) => [command.name, command.needs]));
const gated = commands.flatMap((command) => (command.kind === 'action' && command.gate ? [command] : []));
const UNCONFIRMED = [[], ['--confirm', 'something else'], ['-y'], ['--json'], ['--no-confirm']];
/** All of them go through one gate: these show that every flag comes to it, the others that they stand behind it. */
const THOROUGHLY: readonly string[] = ['backup prune', 'restore run', 'restore undo', 'mfa reset', 'setup'];
/** Where what is done can be taken back by one statement, --yes is a confirmation. */
const refusals = gated.flatMap(({ name, gate }) =>
  UNCONFIRMED.slice(0, THOROUGHLY.includes(name) ? UNCONFIRMED.length : 2)
    .filter(([flag]) => !(gate!.mild && flag === '-y'))
    .map((flags) => [name, flags] as const),
);

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'potctl-every-'));
  mkdirSync(path.join(folder, 'storage'));
  writeFileSync(path.join(folder, 'storage', 'model.stl'), 'solid');
  writeFileSync(path.join(folder, 'password'), CANARY, { mode: 0o600 });
  database = await freshDatabase({
    schema: `${readFileSync('test/fixtures/schemas/3dpot.sql', 'utf8')};
      create table t (id int primary key); insert into t values (1);
      insert into users (id, email, username, hashed_password) values (gen_random_uuid(), 'ana@example.com', 'ana', 'x')`,
    dropAfterTest: false,
  });
  expect(await run('backup create', '-q')).toMatchObject({ exitCode: 0, stderr: '' });
}, 60_000);
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** The secret comes by every way at once: a file, a variable, an address. */
const run = (name: string, ...flags: string[]): Promise<Ran> => runBy(potctl, name, flags);
/** Where the secret is not looked for. */
const runHere = (name: string, ...flags: string[]): Promise<Ran> => runBy(potctlHere, name, flags);

function runBy(potctl: typeof potctlHere, name: string, flags: readonly string[]): Promise<Ran> {
  const where = {
    files: ['--files', path.join(folder, 'storage')],
    repository: ['--repository', path.join(folder, 'backups')],
    database: ['--password-file', path.join(folder, 'password')],
  };
  const env = { PGPASSWORD: CANARY, PGDATABASE: database.name, HOME: folder };
  return potctl(
    [...name.split(' '), ...(ARGUMENT[name] ?? []), ...needs.get(name)!.flatMap((need) => where[need]), ...flags],
    { env },
  );
}

/** Keys with a capital letter, but for those that somebody chose. */
function oddKeys(value: unknown, verbatim: readonly string[]): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    ...(/[A-Z]/.test(key) ? [key] : []),
    ...(verbatim.includes(key) ? [] : oddKeys(member, verbatim)),
  ]);
}

const repositoryFiles = (): string[] =>
  readdirSync(path.join(folder, 'backups'), { recursive: true, encoding: 'utf8' }).sort();

describe.each(names)('potctl %s', (name) => {
  test('with --json puts one JSON document on stdout, or none and the error as one on stderr', async () => {
    const { exitCode, stdout, stderr } = await runHere(name, '--json', '-q', '--color', 'always');
    if (stdout === '') {
      expect(exitCode).not.toBe(0);
      expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({
        schema: 'potctl/error@1',
        error: { exit: exitCode },
      });
      return;
    }
    expect(JSON.parse(stdout)).toMatchObject({
      schema: `potctl/${name.replace(' ', '.')}@1`,
      exit: exitCode,
      ok: exitCode === 0,
    });
    const { verbatim = [] } = commands.find((command) => command.name === name)!;
    if (verbatim !== true) expect(oddKeys(JSON.parse(stdout), verbatim)).toEqual([]);
  });

  test('never shows a secret, also not with --debug', async () => {
    const { stdout, stderr } = await run(name, '--debug', '-v', '--log-format', 'json');
    expect(stdout + stderr).not.toContain(CANARY);
    for (const line of stderr.trimEnd().split('\n').filter(Boolean))
      expect(JSON.parse(line)).toMatchObject({ run_id: expect.any(String), trace_id: expect.any(String) });
  });
});

test('the name of a label stays as it was given, in JSON as elsewhere', async () => {
  const labels = { buildOf: '2.0.6' };
  expect(JSON.parse((await runHere('backup list', '--json')).stdout).items[0]).toMatchObject({ labels });
  const { item } = JSON.parse((await runHere('backup show', '--json', '--manifest')).stdout);
  expect(item).toMatchObject({ labels, manifest: { labels } });
});

test('no file that a command wrote holds the secret', () => {
  const written = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== 'password',
  );
  expect(written.length).toBeGreaterThan(3);
  for (const entry of written)
    expect(readFileSync(path.join(entry.parentPath, entry.name), 'latin1')).not.toContain(CANARY);
});

test.each(refusals)(
  'potctl %s with %j, without a terminal, is refused, and nothing is changed',
  async (name, flags) => {
    const before = repositoryFiles();
    const { exitCode, stdout } = await runHere(name, ...flags);
    expect(stdout).toBe('');
    expect(exitCode).toBe(EARLIER[name] ?? 30);
    expect(await database.query('select id from t')).toEqual([{ id: 1 }]);
    expect(await database.query(`select 1 from pg_namespace where nspname = 'potctl'`)).toEqual([]);
    expect(repositoryFiles()).toEqual(before);
  },
);

test('the line on stderr says which server, database and role; -q hides it', async () => {
  const loud = await run('restore plan');
  expect(loud.stderr).toMatch(new RegExp(`^${database.name}@\\S+:\\d+ as \\S+ · operator \\S+@\\S+\n`, 'm'));
  expect((await run('restore plan', '-q')).stderr).not.toContain('operator');
});
