import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { lockDatabase } from '../../src/postgres/advisory-lock.js';
import { listRuns } from '../../src/restore/list.js';
import { readRuns, writeRun } from '../../src/runs/record.js';
import { connect, freshDatabase, inMaintenance } from '../support/database.js';
import { backUp, restore, restoreDeps, restoreRequest, testRepository, undo } from '../support/restoring.js';
import { potctl } from '../support/run-cli.js';
import { openTestServer } from '../support/server.js';
import { describeTree, makeTree } from '../support/tree.js';

/** A backup of ten rows and a tree, both changed since; the database's lock bears a name of its own. */
async function site() {
  const { name, query } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha' });
  const server = openTestServer(name);
  const repository = await testRepository();
  await backUp(server, repository, tree);
  await query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  const lock = (database: string) => lockDatabase(server, database, { command: name });
  const deps = restoreDeps(server, repository, { lockDatabase: lock });
  return {
    name,
    tree,
    server,
    repository,
    deps,
    request: restoreRequest(name, { files: { path: tree, excludes: [] } }),
  };
}

/** Ends the connection that holds the database's lock, as a restart of the server would, just before the swap. */
function losing(name: string) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const sql = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1';
    const { rowCount } = await inMaintenance((client) => client.query(sql, [`potctl:lock:${name}`]));
    expect(rowCount).toBe(1);
    return work();
  };
}

async function rows(database: string): Promise<unknown> {
  const client = await connect(database);
  try {
    return (await client.query('select count(*)::int as n from t')).rows[0].n;
  } finally {
    await client.end();
  }
}

async function databases(prefix: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1) order by 1';
  const found = await inMaintenance((client) => client.query<{ datname: string }>(sql, [prefix]));
  return found.rows.map(({ datname }) => datname);
}

test('a restore that lost the lock of its database before the swap swaps nothing', async () => {
  const { name, tree, deps, request } = await site();
  const changed = await describeTree(tree);

  const lost = restore({ ...deps, uninterrupted: losing(name) }, request);

  await expect(lost).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });
  expect([await rows(name), await databases(name), await describeTree(tree)]).toEqual([0, [name], changed]);
  expect(await restore(deps, { ...request, runId: 'rnext' })).toMatchObject({ state: 'done' });
  expect(await rows(name)).toBe(10);
});

test('an undo that lost it swaps nothing either, and can be repeated', async () => {
  const { name, deps, request } = await site();
  await restore(deps, request);

  const lost = undo({ ...deps, uninterrupted: losing(name) }, name, request.runId);

  await expect(lost).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });
  expect(await rows(name)).toBe(10);
  expect(await undo(deps, name, request.runId)).toMatchObject({ state: 'done' });
  expect(await rows(name)).toBe(0);
});

test('a run whose owner is dead is listed as interrupted, one at work as running', async () => {
  const { server, repository, deps, request } = await site();
  await restore(deps, request);
  const done = (await readRuns(repository))[0]!;
  await writeRun(repository, { ...done, state: 'running', finished_at: null });
  const { signal } = deps;
  const lease = await repository.lock({ command: 'restore run', runId: request.runId, waitMs: 0, signal });

  const atWork = await listRuns(repository, async () => server);
  await lease.release();
  const dead = await listRuns(repository, async () => server);
  const told = await potctl(['restore', 'list', '--repository', repository.url]);
  const other = await repository.lock({ command: 'backup create', runId: 'another', waitMs: 0, signal });
  const behind = await listRuns(repository, async () => server);
  await other.release();

  expect(atWork).toMatchObject([{ state: 'running', settled: false }]);
  expect(dead).toMatchObject([{ state: 'interrupted', settled: false }]);
  expect(behind).toMatchObject([{ state: 'interrupted', settled: false }]);
  expect(told.stdout + told.stderr).toContain(`What ${request.runId} left is settled by the next restore`);
});
