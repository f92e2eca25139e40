import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { processesLeft } from '../../support/leftovers.js';
import { linesIn, type Reached, reachedBy } from '../../support/pasted.js';
import { POTCTL, potctl } from '../../support/run-cli.js';
import { potctlHere } from '../../support/run-main.js';
import { folderForAll, makeTree } from '../../support/tree.js';

let database: TestDatabase;
let folder: string;
let backup: string;

beforeAll(async () => {
  database = await freshDatabase({ schema: '3dpot', dropAfterTest: false });
  const id = 'c56a4180-65aa-42ec-a945-5fd21dec0538';
  const user = `insert into users (id, email, username, hashed_password, is_active) values ('${id}', 'ana@example.com', 'ana', 'x', true)`;
  await database.query(user);
  await database.query('create view seen as select id from users');
  await database.query('create table log (at int) partition by range (at)');
  await database.query('create table log_1 partition of log for values from (1) to (9)');
  folder = await mkdtemp(path.join(tmpdir(), 'potctl-errors-'));
  await makeTree({ 'a b.txt': 'x' }, path.join(folder, 'my files'));
  const { host, port, user: role } = inject('postgres');
  const connection = `{ host: ${host}, port: ${port}, user: ${role}, name: ${database.name} }`;
  const places = `files: { path: ${folder}/my files }, repositories: { main: { path: ${folder}/my backups } }`;
  writeFileSync(path.join(folder, 'config.yaml'), `profiles: { test: { database: ${connection}, ${places} } }\n`, {
    mode: 0o600,
  });
  mkdirSync(path.join(folder, 'elsewhere'));
  const made = await run(['backup', 'create', ...PROFILE]);
  expect(made, made.stderr).toMatchObject({ exitCode: 0 });
  backup = made.stdout.trim();
}, 60_000);
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const PROFILE = ['--config', 'config.yaml', '-p', 'test'];
const FLAGS = ['--files', 'my files', '--repository', 'my backups'];

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  potctlHere(args, { cwd: folder, env });

/** Why a command fails or warns, and the command; `potctl` and the place are added. */
const FAILING: readonly (readonly [string, readonly string[]])[] = [
  ['there is no such backup', ['backup', 'show', 'nosuch']],
  ['there is no such run', ['restore', 'undo', 'nosuch', '--confirm', 'x']],
  ['the backup has no such file', ['restore', 'files', 'latest', '--path', 'nosuch', '--to', 'found']],
  ['the backup has no such table', ['restore', 'run', 'latest', '--tables', 'nosuch', '--into-schema', 'found']],
  ['it is a view', ['restore', 'plan', 'latest', '--tables', 'users,seen', '--into-schema', 'found']],
  ['it is a partition', ['restore', 'plan', 'latest', '--tables', 'users,log_1', '--into-schema', 'found']],
  ['no policy is given', ['backup', 'prune']],
  ['it is the only backup', ['backup', 'prune', 'BACKUP', '--confirm', 'test']],
  ['it was not confirmed', ['restore', 'run', 'latest']],
  ['there is no such user', ['mfa', 'status', 'nobody']],
  ['potctl is not set up', ['mfa', 'reset', 'ana', '--reason', 'lost phone, called back']],
  ['no enrollment was started', ['mfa', 'verify', 'ana', '--code-stdin']],
  ['there is no journal', ['audit', 'verify']],
  ['nothing is wrong with the second factors', ['mfa', 'check']],
  ['somebody cannot sign in', ['mfa', 'explain', 'ana']],
];

/** These commands change nothing, so they are really run. */
const READING =
  /potctl (backup (list|show|verify)|restore (list|plan)|config (show|validate|path)|mfa (status|list|explain)|doctor|grants sql|audit verify|history|explain|setup --dry-run)\b/;

test.each(FAILING)('if %s, each proposed command works in the same place', { timeout: 120_000 }, async (_, args) => {
  const words = args.map((word) => (word === 'BACKUP' ? backup : word));
  const needs = await reachedBy(`potctl ${words.map(quoted).join(' ')} ${PROFILE.join(' ')}`, folder);
  const flags = FLAGS.filter((_flag, at) => needs[at < 2 ? 'files' : 'repository'] !== null);
  const ways = [
    [PROFILE, {}],
    [flags, variables()],
  ] as const;
  for (const [where, env] of ways) {
    const front = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)} `);
    const line = `${front.join('')}potctl ${[...words, ...where].map(quoted).join(' ')}`;
    const typed = await reachedBy(line, folder);
    const { stdout, stderr } = await run([...words, ...where], env);
    const json = await run([...words, ...where, '--json'], env);
    const lines = [...linesIn(stderr.replace(/^( {2}(Do|More):)? {8,12}/gm, '')), ...linesIn(stdout)];
    const said = new Set([...lines, ...linesIn(stringsIn(`${json.stdout}\n${json.stderr}`))]);
    expect(said.size, stderr).toBeGreaterThan(0);
    expect(stdout + stderr + json.stdout + json.stderr).not.toContain('[object');
    for (const one of said) await pastes(one, typed);
  }
});

function variables(): Record<string, string> {
  const { host, port, user } = inject('postgres');
  return { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database.name };
}

/** Pasted elsewhere, except a repetition of the line itself, which is pasted where it was typed. */
async function pastes(line: string, typed: Reached): Promise<void> {
  const isSame = /--config config\.yaml|'my (files|backups)'/.test(line);
  const cwd = isSame ? folder : path.join(folder, 'elsewhere');
  const reached = await reachedBy(line, cwd);
  for (const key of ['profile', 'database', 'repository', 'files'] as const) {
    if (reached[key] === null || typed[key] === null) continue;
    expect(`${line} → ${key} ${reached[key]}`).toBe(`${line} → ${key} ${typed[key]}`);
  }
  if (!READING.test(line) || /\b(ID|USER|FILE)\b/.test(line)) return;
  const { status, out } = paste(line, cwd);
  // A proposed plan can be made; the blockers of one of another series show only then.
  const isPlan = line.includes('potctl restore plan ') && !line.includes('--from-series');
  const failures = isPlan ? [1, 2, 12, 16, 30] : [1, 2, 12, 16];
  expect(failures, `${line}\n${out}`).not.toContain(status);
}

const quoted = (word: string): string => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** All texts of documents, one per line. */
function stringsIn(documents: string): string {
  const texts: string[] = [];
  const read = (_key: string, value: unknown): unknown => {
    if (typeof value === 'string') texts.push(value);
    return value;
  };
  for (const line of documents.split('\n').filter((text) => text.startsWith('{'))) JSON.parse(line, read);
  return texts.join('\n');
}

/** Runs it in a shell that only knows where potctl is. */
function paste(
  line: string,
  cwd: string,
  timeoutMs = 60_000,
): { readonly status: number | null; readonly out: string } {
  const { binaries } = inject('postgres');
  const wrapper = path.join(folder, 'bin', 'potctl');
  mkdirSync(path.dirname(wrapper), { recursive: true });
  writeFileSync(wrapper, `#!/bin/sh\nexec ${process.execPath} ${POTCTL} "$@"\n`);
  chmodSync(wrapper, 0o755);
  const env = {
    PATH: `${path.dirname(wrapper)}:${binaries}:${process.env['PATH']}`,
    ...{ HOME: '/nonexistent', XDG_STATE_HOME: inject('state') },
  };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', line], {
    cwd,
    env,
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  return { status, out: stdout + stderr };
}

test('every command of the demo works in its place, and so do those that it proposes at the end', {
  timeout: 200_000,
}, async () => {
  const temporary = await folderForAll();
  const ended = await potctl(['demo', '--keep'], {
    env: { PGHOST: undefined, PGPORT: undefined, PGUSER: undefined, TMPDIR: temporary },
    timeoutMs: 150_000,
  });
  expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
  const work = /^ {2}cd (\S+)$/m.exec(ended.stderr)![1]!;
  const variables = [...ended.stderr.matchAll(/^ {2}export (\S+)$/gm)].map(([, word]) => word!);
  const front = variables.filter((word) => word.startsWith('PG')).join(' ');
  const shown = [...ended.stdout.matchAll(/^\$ (potctl .*)$/gm)].map(([, line]) => line!);
  expect(shown).toHaveLength(6);
  const typed = await reachedBy(`${front} ${shown[0]}`, work);
  expect(typed).toMatchObject({ repository: `${work}/backups`, files: `${work}/storage` });
  const proposed = linesIn(ended.stdout).filter((line) => !shown.includes(line));
  expect(proposed.length).toBeGreaterThanOrEqual(3);
  for (const line of [...shown.map((one) => `${front} ${one}`), ...proposed]) {
    const reached = await reachedBy(line, line.startsWith(front) && line.includes('./') ? work : '/');
    for (const key of ['profile', 'database', 'repository', 'files'] as const) {
      if (reached[key] !== null) expect(`${line} → ${key} ${reached[key]}`).toBe(`${line} → ${key} ${typed[key]}`);
    }
  }

  const byHand = [...ended.stderr.matchAll(/^ {2}((?:cd|export|alias|potctl restore) .*)$/gm)].map(([, line]) => line);
  const plan = paste(`shopt -s expand_aliases\n${byHand.join('\n')}`, '/');
  expect(plan.status, plan.out).toBe(0);
  const restore = linesIn(plan.out).find((line) => line.includes('potctl restore run '))!;
  const dry = paste(`${restore} --dry-run`, work);
  expect(dry.status, `${restore}\n${dry.out}`).toBe(0);

  const stop = linesIn(ended.stderr).find((line) => line.includes('demo --stop'))!;
  expect(paste(stop, '/')).toMatchObject({ status: 0 });
  expect(await processesLeft(temporary)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});
