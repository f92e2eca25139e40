import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.js';
import { swapDatabases } from '../../../src/restore/database/swap.js';
import { readRuns } from '../../../src/runs/record.js';
import { connect, freshDatabase, inMaintenance } from '../../support/database.js';
import { backUp, restore, testRepository, undo, withTree } from '../../support/restoring.js';
import { startPotctl } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';
import { mortal } from './mortal.js';

/** A database with ten rows and a tree, both backed up and then changed. */
async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const server = openTestServer(database.name);
  const repository = await testRepository();
  const parts = { server, repository, ...withTree(tree) };
  await backUp(parts);
  const backedUp = await describeTree(tree);
  await database.query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  await rm(path.join(tree, 'sub'), { recursive: true });
  const where = ['--files', tree, '--repository', repository.url];
  const env = { PGDATABASE: database.name };
  const changed = await describeTree(tree);
  return { ...database, tree, parts, repository, where, env, backedUp, changed };
}

async function rows(name: string): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query<{ n: number }>('select count(*)::int as n from t')).rows[0]!.n;
  } finally {
    await client.end();
  }
}

async function stagedDatabases(name: string): Promise<string[]> {
  const sql = `select datname from pg_database where starts_with(datname, $1 || '_restore_')`;
  return (await inMaintenance((client) => client.query<{ datname: string }>(sql, [name]))).rows.map(
    ({ datname }) => datname,
  );
}

const KILL = 'kill -9 $PPID; sleep 1';

test('after a kill before the swap, the next command of any kind removes the staged data, and live data is unchanged', async () => {
  const { name, tree, where, env, changed, repository } = await site();
  const hooks = ['--stop-writers', KILL, '--start-writers', 'true'];
  const run = ['restore', 'run', 'latest', ...where, '--confirm', name];

  const killed = await startPotctl([...run, ...hooks], { env }).ended;

  expect(killed.signal).toBe('SIGKILL');
  expect(await stagedDatabases(name)).toHaveLength(1);
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
  const next = await potctl(['backup', 'create', ...where], { env });
  expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('had stopped the writers') });
  expect(await stagedDatabases(name)).toEqual([]);
  expect((await readdir(tree)).filter((entry) => entry.startsWith('.potctl-'))).toEqual([]);
  expect(await readRuns(repository)).toMatchObject([{ state: 'interrupted', kind: 'restore' }]);
});

test('after a kill following the swap, the next undo finishes the run, starts the writers, and undoes it', async () => {
  const { name, tree, where, env, changed, backedUp, repository } = await site();
  const writers = path.join(await temporaryFolder(), 'writers');
  const run = ['restore', 'run', 'latest', ...where, '--confirm', name];
  const hooks = ['--stop-writers', 'true', '--start-writers', KILL];

  const killed = await startPotctl([...run, ...hooks], { env }).ended;

  expect(killed.signal).toBe('SIGKILL');
  expect([await rows(name), await describeTree(tree)]).toEqual([10, backedUp]);
  const undone = await potctl(
    ['restore', 'undo', ...where, '--confirm', name, '--start-writers', `echo started >> ${writers}`],
    { env },
  );
  expect(undone).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('was killed') });
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
  expect(await readFile(writers, 'utf8')).toBe('started\n');
  const states = (await readRuns(repository)).map(({ kind, state }) => [kind, state]);
  expect(Object.fromEntries(states)).toEqual({ restore: 'undone', undo: 'done' });
});

test('a failing stop hook changes nothing, its last lines are shown, and the start hook runs', async () => {
  const { name, tree, where, env, changed } = await site();
  const writers = path.join(await temporaryFolder(), 'writers');
  const hooks = ['--stop-writers', 'echo unit not loaded; exit 5', '--start-writers', `echo started >> ${writers}`];

  const failed = await potctl(['restore', 'run', 'latest', ...where, '--confirm', name, ...hooks], { env });

  expect(failed).toMatchObject({ exitCode: 17, stderr: expect.stringContaining('unit not loaded') });
  expect(await readFile(writers, 'utf8')).toBe('started\n');
  expect(await stagedDatabases(name)).toEqual([]);
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
});

test('a failing start hook is reported with exit 3 and the restore stands; a background process does not make it hang', async () => {
  const { name, where, env } = await site();
  const hooks = ['--stop-writers', 'sleep 5 & true', '--start-writers', 'echo no such unit; exit 4'];

  const partial = await potctl(['restore', 'run', 'latest', ...where, '--confirm', name, ...hooks], { env });

  expect(partial).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('no such unit') });
  expect(await rows(name)).toBe(10);
});

test('after a kill between the database swap and the tree swap, the tree is swapped too', async () => {
  const { name, tree, parts, repository, backedUp } = await site();
  const { server } = parts;
  const runId = 'rstruck';
  const uninterrupted = async () => {
    const { database } = (await readRuns(repository)).at(-1)!;
    await swapDatabases({ server, clock: systemClock }, runId, database!);
    throw new Error('struck by lightning');
  };

  await expect(restore({ ...parts, host: { uninterrupted, who: { runId } } })).rejects.toThrow('struck');

  expect([await rows(name), await describeTree(tree)]).toEqual([10, backedUp]);
  expect(await readRuns(repository)).toMatchObject([{ state: 'done' }]);
});

test('the next command finishes an undo that was killed between the database swap and the tree swap', async () => {
  const { name, tree, parts, repository, where, env, changed } = await site();
  await restore(parts);
  const { parts: dying, die } = mortal(parts);
  const who = { runId: 'rkilled', hostname: os.hostname() };
  const uninterrupted = async () => {
    const { database } = (await readRuns(repository)).find(({ run_id }) => run_id === who.runId)!;
    await swapDatabases({ server: parts.server, clock: systemClock }, who.runId, database!);
    die();
    throw new Error('killed');
  };
  await expect(undo({ ...dying, host: { who, uninterrupted } })).rejects.toThrow();

  const next = await potctl(['backup', 'create', ...where], { env });

  expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('so potctl finished it') });
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
  const states = (await readRuns(repository)).map(({ kind, state }) => [kind, state]);
  expect(Object.fromEntries(states)).toEqual({ restore: 'undone', undo: 'done' });
});

test('if the tree cannot be swapped, the database is swapped back', async () => {
  const { name, tree, parts, changed } = await site();
  const runId = 'rfailed';
  const uninterrupted = async <T>(work: () => Promise<T>): Promise<T> => {
    await rm(path.join(tree, `.potctl-restore-${runId}`), { recursive: true });
    return work();
  };

  await expect(restore({ ...parts, host: { uninterrupted, who: { runId } } })).rejects.toMatchObject({
    changed: 'scratch',
  });

  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
});
