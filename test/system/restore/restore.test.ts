import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockDatabase } from '../../../src/postgres/advisory-lock.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, restore, testRepository, withTree } from '../../support/restoring.js';
import { potctl } from '../../support/run-cli.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) i' });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' }, empty: {} });
  const repository = await testRepository();
  const server = openTestServer(database.name);
  const parts = { server, repository, ...withTree(tree) };
  await backUp(parts);
  const where = ['--files', tree, '--repository', repository.url];
  return { ...database, tree, repository, where, parts, env: { PGDATABASE: database.name } };
}

async function rows(name: string): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query<{ n: number }>('select count(*)::int as n from t')).rows[0]!.n;
  } finally {
    await client.end();
  }
}

test('database and files are restored even if both are gone, and undo removes them again', async () => {
  const { name, tree, where, env, client } = await site();
  const before = await describeTree(tree);
  await client.end();
  await inMaintenance((maintenance) => maintenance.query(`drop database ${quote(name)}`));
  await rm(tree, { recursive: true });

  const restored = await potctl(['restore', 'run', 'latest', ...where, '--confirm', name], { env });

  expect(restored).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^[0-9a-z]{10}\n$/) });
  expect(await rows(name)).toBe(1000);
  expect(await describeTree(tree)).toEqual(before);

  const undone = await potctl(['restore', 'undo', ...where, '--confirm', name], { env });
  expect(undone.exitCode).toBe(0);
  await expect(rows(name)).rejects.toThrow('does not exist');
  await expect(readdir(tree)).rejects.toThrow('ENOENT');

  const again = await potctl(['restore', 'undo', ...where, '--confirm', name], { env });
  expect(again.exitCode).toBe(0);
  expect([await rows(name), await describeTree(tree)]).toEqual([1000, before]);
});

test('scripts get plan and result as JSON: what was restored, checked and kept', async () => {
  const { name, query, where, env } = await site();
  await query('delete from t where i > 10');
  await query('create table later as select 1 as i');

  const planned = await potctl(['restore', 'plan', ...where, '--json'], { env });
  const { item } = JSON.parse(planned.stdout);
  expect(item).toMatchObject({
    ...{ mode: 'swap', confirm: name, blocking: [], exit: 0 },
    database: {
      present: { kept_as: expect.stringContaining('_before_') },
      loss: {
        tables: expect.arrayContaining([expect.objectContaining({ table: 't', rows_now: 10, rows_in_backup: 1000 })]),
      },
    },
  });

  const run = await potctl(['restore', 'run', ...where, '--confirm', name, '--json'], { env });
  const { result, changed } = JSON.parse(run.stdout);
  expect([run.exitCode, changed]).toEqual([0, true]);
  expect(result).toMatchObject({
    ...{ state: 'done', mode: 'swap', database: name, restored: { tables: 1, rows: 1000, files: 2 } },
    checks: { tables: 1, not_compared: 0 },
    old_database: `${name}_before_${result.run_id}`,
    undo_until: expect.stringMatching(/Z$/),
    downtime_ms: expect.any(Number),
  });
  const phases = result.phases.map((phase: { name: string }) => phase.name);
  expect(phases).toEqual(expect.arrayContaining(['pg_restore', 'checks', 'analyze', 'swap', 'files swap']));

  const listed = await potctl(['restore', 'list', ...where, '--json'], { env });
  expect(JSON.parse(listed.stdout).items).toMatchObject([{ run_id: result.run_id, state: 'done', undo: 'possible' }]);
});

test('the undo command of a run or an undo is alone on its line; a plan, which has no run, shows none', async () => {
  const { name, query, where, env } = await site();
  await query('delete from t where i > 10');
  const run = (...args: string[]) => potctl(['restore', ...args, ...where], { env });

  const planned = (await run('plan')).stdout;
  expect(planned).toMatch(/^ {4}TABLE +NOW +BACKUP +NOW - BACKUP +WRITTEN SINCE +NEWEST ROW$/m);
  expect(planned).toMatch(/^ {4}public\.t +10 +1,000 +-990 +/m);
  expect(planned).toMatch(/^ +Kept +what is live now, for 3d$/m);
  expect(planned).toMatch(/^ +Undo +restore run prints the command$/m);
  expect(planned).toContain(`is kept as ${name}_before_…`);

  const screens = [(await run('run', '--dry-run')).stderr];
  await run('run', '--confirm', name);
  screens.push((await run('undo', '--dry-run')).stderr);
  for (const screen of screens)
    expect(screen).toMatch(/^ +Undo +(PG\w+=\S+ )*potctl restore undo [0-9a-z]{10}( --?\w+ \S+)*$/m);
});

test('mode new restores into a new database and new directories', async () => {
  const { name, tree, parts } = await site();
  const before = await describeTree(tree);
  const beside = path.join(await temporaryFolder(), 'deep', 'beside');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  const live = await describeTree(tree);

  await restore(parts, { mode: 'new', into: `${name}_restore_look`, intoFiles: beside });

  expect(await describeTree(beside)).toEqual(before);
  expect(await describeTree(tree)).toEqual(live);
  expect(await rows(`${name}_restore_look`)).toBe(1000);
  expect(await readdir(path.dirname(beside))).toEqual(['beside']);
  await writeFile(path.join(beside, 'mine'), '');
  const again = restore(parts, { mode: 'new', into: `${name}_restore_2`, intoFiles: beside });
  await expect(again).rejects.toMatchObject({ code: 'E_BLOCKED', message: `"${beside}" is not empty` });
});

test('a tree that contains the repository is refused before anything is restored', async () => {
  const { parts, repository } = await site();
  const around = path.dirname(repository.url);

  const refused = restore({ ...parts, ...withTree(around) });

  await expect(refused).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });
  expect(await repository.listDocuments('restores')).toEqual([]);
});

test('a restore does not start while another command holds the lock of the repository or the database', async () => {
  const { name, where, env, repository, parts } = await site();
  const run = ['restore', 'run', 'latest', ...where, '--confirm', name];
  const { signal } = new AbortController();
  const lease = await repository.lock({ command: 'backup create', runId: 'other', waitMs: 0, signal });
  const behindRepository = await potctl(run, { env });
  await lease.release();
  expect(behindRepository).toMatchObject({ exitCode: 11, stderr: expect.stringContaining('E_LOCKED') });

  const lock = await lockDatabase(parts.server, name, { command: 'restore' });
  const behindDatabase = await potctl(run, { env });
  await lock.release();
  expect(behindDatabase).toMatchObject({ exitCode: 11, stderr: expect.stringContaining('E_LOCKED') });
  expect((await potctl(run, { env })).exitCode).toBe(0);
});

test('the plan changes nothing, even if the live database is unreadable', async () => {
  const { name, tree, where, env, repository } = await site();
  const before = await describeTree(tree);
  await inMaintenance((client) => client.query(`alter database ${quote(name)} allow_connections false`));

  const planned = await potctl(['restore', 'plan', ...where], { env });

  expect(planned).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Nothing was changed') });
  expect(planned.stdout).toContain('does not allow connections');
  expect(await describeTree(tree)).toEqual(before);
  expect(await repository.listDocuments('restores')).toEqual([]);
  expect((await repository.events((await repository.list())[0]!)).events.length).toBe(0);
  await inMaintenance((client) => client.query(`alter database ${quote(name)} allow_connections true`));
});
