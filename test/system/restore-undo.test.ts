import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { listRuns } from '../../src/restore/list.js';
import { prepareUndo } from '../../src/restore/plan/prepare-undo.js';
import { connect, freshDatabase, inMaintenance, quote } from '../support/database.js';
import { backUp, restore, restoreDeps, restoreRequest, testRepository, undo } from '../support/restoring.js';
import { openTestServer } from '../support/server.js';
import { describeTree, makeTree } from '../support/tree.js';

/** A database with ten rows and a tree, both backed up; then both are changed. */
async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const server = openTestServer(database.name);
  const repository = await testRepository();
  await backUp(server, repository, tree);
  const backedUp = await describeTree(tree);
  await database.query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  await rm(path.join(tree, 'sub'), { recursive: true });
  const deps = restoreDeps(server, repository);
  const request = restoreRequest(database.name, { files: { path: tree, excludes: [] } });
  return { ...database, tree, server, repository, deps, request, backedUp, changed: await describeTree(tree) };
}

async function rows(name: string, sql = 'select count(*)::int as n from t'): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? -1;
  } finally {
    await client.end();
  }
}

test('undo swaps back after writes, says how many, keeps them, and can itself be undone', async () => {
  const { name, tree, deps, request, backedUp, changed, repository, server } = await site();
  const restored = await restore(deps, request);
  expect([await rows(name), await describeTree(tree)]).toEqual([10, backedUp]);
  await rows(name, 'with new as (insert into t values (11), (12) returning 1 as n) select n from new');
  await writeFile(path.join(tree, 'new.txt'), 'written after the restore');
  const written = await describeTree(tree);
  const { plan } = await prepareUndo(deps, { ...restoreRequest(name), run: null, filesPath: tree });
  expect(plan).toMatchObject({ undoes: restored.runId, database: { writtenSince: 2 }, confirm: name });

  const first = await undo(deps, name);

  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
  expect(await rows(first.oldDatabase!)).toBe(12);
  const second = await undo(deps, name);
  expect(second.undone).toBe(first.runId);
  expect([await rows(name), await describeTree(tree)]).toEqual([12, written]);
  const states = (await listRuns(repository, async () => server)).map(({ state, undo: how }) => [state, how]);
  expect(states).toEqual([
    ['done', 'possible'],
    ['undone', null],
    ['undone', null],
  ]);
  const third = await undo(deps, name);
  expect([await rows(name), third.undone]).toEqual([0, second.runId]);
});

test('an older run can be undone by its id while a newer one is live', async () => {
  const { name, deps, request } = await site();
  const first = await restore(deps, request);
  await rows(name, 'with new as (insert into t values (11) returning 1 as n) select n from new');
  await restore(deps, { ...request, runId: 'rsecond' });

  const taken = await undo(deps, name, first.runId);

  expect(await rows(name)).toBe(0);
  expect(await rows(taken.oldDatabase!)).toBe(10);
});

test('what was kept and is gone cannot be undone, and the list says so', async () => {
  const { name, deps, request, repository, server } = await site();
  const { oldDatabase, runId } = await restore(deps, request);
  await inMaintenance((client) => client.query(`drop database ${quote(oldDatabase!)}`));

  await expect(undo(deps, name, runId)).rejects.toMatchObject({ code: 'E_RUN_NOT_FOUND', changed: 'nothing' });

  expect(await listRuns(repository, async () => server)).toMatchObject([{ run_id: runId, undo: 'gone' }]);
  expect(await rows(name)).toBe(10);
});

test('the list needs no server', async () => {
  const { deps, request, repository } = await site();
  await restore(deps, request);
  const listed = await listRuns(repository, async () => Promise.reject(new Error('nobody answers')));
  expect(listed).toMatchObject([{ state: 'done', undo: 'unknown', downtime_ms: expect.any(Number) }]);
});

test('only the files, or only the database: the other part stays as it is', async () => {
  const { name, tree, deps, request, backedUp, changed } = await site();

  await restore({ ...deps, server: null }, { ...request, only: 'files' });
  expect([await rows(name), await describeTree(tree)]).toEqual([0, backedUp]);
  await undo(deps, name);
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);

  await restore(deps, { ...request, runId: 'rdatabase', only: 'db', files: null });
  expect([await rows(name), await describeTree(tree)]).toEqual([10, changed]);
});

test('files that differ after unpacking are not swapped in', async () => {
  const { name, tree, deps, request, changed } = await site();
  const { prepareRestore } = await import('../../src/restore/plan/prepare.js');
  const { runRestore } = await import('../../src/restore/run.js');
  const prepared = await prepareRestore(deps, request);
  const progress = (event: { kind: string; name?: string }) => {
    if (event.kind !== 'phase' || event.name !== 'files check') return;
    // Somebody writes into the staged tree between unpacking and its check.
    void writeFile(path.join(tree, `.potctl-restore-${request.runId}`, 'intruder'), 'x');
  };
  const slow = { ...deps, progress, clock: systemClock };

  await expect(runRestore(slow, request, prepared)).rejects.toMatchObject({
    code: 'E_FILES_CHECK',
    changed: 'nothing',
    why: expect.stringContaining('intruder'),
  });

  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
});

test('a kept database that somebody uses comes back all the same, and its users are ended', async () => {
  const { name, deps, request } = await site();
  const { oldDatabase } = await restore(deps, request);
  const reader = await connect(oldDatabase!);
  const ended = new Promise((resolve) => reader.once('end', resolve));

  await undo(deps, name);

  await ended;
  expect(await rows(name)).toBe(0);
});
