import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Server } from '../../../src/postgres/server.js';
import { readRuns, writeRun } from '../../../src/runs/record.js';
import { connect, freshDatabase, inMaintenance } from '../../support/database.js';
import { backUp, listRuns, restore, testRepository, undo, withTree } from '../../support/restoring.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree } from '../../support/tree.js';

/** A backup of ten rows and a tree, both changed since, and the backends that took the database's lock. */
async function site() {
  const { name, query } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha' });
  const { server, holders } = watchingLocks(openTestServer(name));
  const parts = { server, repository: await testRepository(), ...withTree(tree) };
  await backUp(parts);
  await query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  return { name, tree, parts, holders };
}

/** The server, and the backends of the sessions opened for a lock. */
function watchingLocks(server: Server) {
  const holders: number[] = [];
  const session: Server['session'] = async (options) => {
    const opened = await server.session(options);
    if (options.purpose.startsWith('lock:')) {
      holders.push((await opened.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid'))[0]!.pid);
    }
    return opened;
  };
  return { server: { ...server, session }, holders };
}

/** Terminates the connection that holds the database's lock just before the swap, as a server restart would. */
function losing(holders: readonly number[]) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const sql = 'select pg_terminate_backend(pid) from pg_stat_activity where pid = any ($1)';
    const { rowCount } = await inMaintenance((client) => client.query(sql, [holders]));
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

test('a restore that lost its database lock before the swap swaps nothing', async () => {
  const { name, tree, parts, holders } = await site();
  const changed = await describeTree(tree);

  const lost = restore({ ...parts, host: { uninterrupted: losing(holders) } });

  await expect(lost).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });
  expect([await rows(name), await databases(name), await describeTree(tree)]).toEqual([0, [name], changed]);
  expect(await restore(parts)).toMatchObject({ state: 'done' });
  expect(await rows(name)).toBe(10);
});

test('an undo that lost its database lock swaps nothing, and can be repeated', async () => {
  const { name, parts, holders } = await site();
  const { runId } = await restore(parts);

  const lost = undo({ ...parts, host: { uninterrupted: losing(holders) } }, runId);

  await expect(lost).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });
  expect(await rows(name)).toBe(10);
  expect(await undo(parts, runId)).toMatchObject({ state: 'done' });
  expect(await rows(name)).toBe(0);
});

test('a run whose process is dead is listed as interrupted, an active one as running', async () => {
  const { parts } = await site();
  const { repository } = parts;
  const { runId } = await restore(parts);
  const done = (await readRuns(repository))[0]!;
  await writeRun(repository, { ...done, state: 'running', finished_at: null });
  const { signal } = new AbortController();
  const lease = await repository.lock({ command: 'restore run', runId, waitMs: 0, signal });

  const atWork = await listRuns(parts);
  await lease.release();
  const dead = await listRuns(parts);
  const told = await potctl(['restore', 'list', '--repository', repository.url]);
  const other = await repository.lock({ command: 'backup create', runId: 'another', waitMs: 0, signal });
  const behind = await listRuns(parts);
  await other.release();

  expect(atWork).toMatchObject([{ state: 'running', settled: false }]);
  expect(dead).toMatchObject([{ state: 'interrupted', settled: false }]);
  expect(behind).toMatchObject([{ state: 'interrupted', settled: false }]);
  expect(told.stdout + told.stderr).toContain(`Run ${runId} was interrupted; the next restore`);
});
