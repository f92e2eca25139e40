import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, listRuns, planUndo, restore, testRepository, undo, withTree } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree } from '../../support/tree.js';

/** A database with ten rows and a tree, both backed up and then changed. */
async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const server = openTestServer(database.name);
  const parts = { server, repository: await testRepository(), ...withTree(tree) };
  await backUp(parts);
  const backedUp = await describeTree(tree);
  await database.query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  await rm(path.join(tree, 'sub'), { recursive: true });
  return { ...database, tree, parts, backedUp, changed: await describeTree(tree) };
}

async function rows(name: string, sql = 'select count(*)::int as n from t'): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? -1;
  } finally {
    await client.end();
  }
}

test('undo swaps back despite later writes, counts and keeps them, and can itself be undone', async () => {
  const { name, tree, parts, backedUp, changed } = await site();
  const restored = await restore(parts);
  expect([await rows(name), await describeTree(tree)]).toEqual([10, backedUp]);
  await rows(name, 'with new as (insert into t values (11), (12) returning 1 as n) select n from new');
  await writeFile(path.join(tree, 'new.txt'), 'written after the restore');
  const written = await describeTree(tree);
  expect(await planUndo(parts)).toMatchObject({ undoes: restored.runId, database: { writtenSince: 2 }, confirm: name });

  const first = await undo(parts);

  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
  expect(await rows(first.oldDatabase!)).toBe(12);
  const second = await undo(parts);
  expect(second.undone).toBe(first.runId);
  expect([await rows(name), await describeTree(tree)]).toEqual([12, written]);
  const states = (await listRuns(parts)).map(({ state, undo: how }) => [state, how]);
  expect(states).toEqual([
    ['done', 'possible'],
    ['undone', null],
    ['undone', null],
  ]);
  const third = await undo(parts);
  expect([await rows(name), third.undone]).toEqual([0, second.runId]);
});

test('an older run can be undone by its id while a newer one is live', async () => {
  const { name, parts } = await site();
  const first = await restore(parts);
  await rows(name, 'with new as (insert into t values (11) returning 1 as n) select n from new');
  const second = await restore(parts);
  const { warnings, database } = await planUndo(parts, first.runId);
  expect(warnings).toEqual([
    expect.stringMatching(
      `^a later restore \\(${second.runId}\\) is in effect; this undo replaces its result, too, which is kept as "${name}_before_`,
    ),
  ]);
  expect(database).toMatchObject({ keptAs: expect.stringContaining(`${name}_before_`) });

  const taken = await undo(parts, first.runId);

  expect(await rows(name)).toBe(0);
  expect(await rows(taken.oldDatabase!)).toBe(10);
});

test('a run whose previous data is gone cannot be undone, and the list shows it', async () => {
  const { name, parts } = await site();
  const { oldDatabase, runId } = await restore(parts);
  await inMaintenance((client) => client.query(`drop database ${quote(oldDatabase!)}`));

  await expect(undo(parts, runId)).rejects.toMatchObject({ code: 'E_RUN_NOT_FOUND', changed: 'nothing' });

  expect(await listRuns(parts)).toMatchObject([{ run_id: runId, undo: 'gone' }]);
  expect(await rows(name)).toBe(10);
});

test('restore list needs no server', async () => {
  const { parts } = await site();
  await restore(parts);
  const listed = await listRuns({ ...parts, server: null });
  expect(listed).toMatchObject([{ state: 'done', undo: 'unknown', downtime_ms: expect.any(Number) }]);
});

test('restoring only files or only the database leaves the other part unchanged', async () => {
  const { name, tree, parts, backedUp, changed } = await site();
  const settings = { ...parts.settings, connection: parts.server.settings };

  await restore({ ...parts, server: null, settings }, { only: 'files' });
  expect([await rows(name), await describeTree(tree)]).toEqual([0, backedUp]);
  await undo(parts);
  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);

  await restore(parts, { only: 'db' });
  expect([await rows(name), await describeTree(tree)]).toEqual([10, changed]);
});

test('files that differ after unpacking are not swapped in', async () => {
  const { name, tree, parts, changed } = await site();
  const runId = 'rslow';
  const progress = (event: { kind: string; name?: string }) => {
    if (event.kind !== 'phase' || event.name !== 'files check') return;
    // A writer changes the staged tree between unpacking and its check.
    void writeFile(path.join(tree, `.potctl-restore-${runId}`, 'intruder'), 'x');
  };

  await expect(restore({ ...parts, host: { progress, who: { runId } } })).rejects.toMatchObject({
    code: 'E_FILES_CHECK',
    changed: 'nothing',
    why: expect.stringContaining('intruder'),
  });

  expect([await rows(name), await describeTree(tree)]).toEqual([0, changed]);
});

test('undo terminates sessions on the previous database and brings it back', async () => {
  const { name, parts } = await site();
  const { oldDatabase } = await restore(parts);
  const reader = await connect(oldDatabase!);
  const ended = new Promise((resolve) => reader.once('end', resolve));

  await undo(parts);

  await ended;
  expect(await rows(name)).toBe(0);
});
