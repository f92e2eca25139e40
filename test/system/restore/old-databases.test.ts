import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { type TestParts, testPotctl } from '../../support/host.js';
import { backUp, restore, testRepository, undo, withTree } from '../../support/restoring.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { makeTree } from '../../support/tree.js';

/** A restored database and tree whose previous data is kept for an hour. */
async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const repository = await testRepository();
  const server = openTestServer(database.name);
  const parts = { server, repository, ...withTree(tree) };
  await backUp(parts);
  const { runId } = await restore(parts);
  const where = ['--files', tree, '--repository', repository.url];
  const { name } = database;
  const kept = `${name}_before_${runId}`;
  return { ...database, tree, parts, where, run: runId, kept, env: { PGDATABASE: name } };
}

async function databases(name: string): Promise<string[]> {
  const sql = 'select datname as name from pg_database where starts_with(datname, $1) order by 1';
  return inMaintenance(async (client) =>
    (await client.query<{ name: string }>(sql, [name])).rows.map((row) => row.name),
  );
}

const keptIn = (tree: string): string[] => readdirSync(tree).filter((name) => /before|pruned/.test(name));
const later = (parts: TestParts, ms: number): TestParts => ({
  ...parts,
  host: { clock: { ...systemClock, now: () => new Date(Date.now() + ms) } },
});
const ready = async (parts: TestParts) => (await testPotctl(parts).restore()).removePrevious();
const both = async (parts: TestParts) => (await ready(parts)).apply();

test('while undo is possible, previous data is kept and listed with size, last write and deadline', async () => {
  const { name, tree, kept, run, parts } = await site();
  const { plan } = await ready(parts);
  const stays = expect.stringContaining('undo is possible until');
  const known = {
    run,
    bytes: expect.any(Number),
    lastWrite: expect.stringMatching(/Z$/),
    undoUntil: expect.stringMatching(/Z$/),
    stays,
  };
  expect(plan.remove).toEqual([]);
  expect(plan.keep).toEqual([
    { ...known, kind: 'database', name: kept },
    { ...known, kind: 'tree', name: path.join(tree, `.potctl-before-${run}`) },
  ]);
  expect(await both(parts)).toMatchObject({ removed: [], freedBytes: 0 });
  expect(await databases(name)).toEqual([name, kept]);
});

test('after the deadline, previous database and files are removed, live data stays, and restore list shows that undo is impossible', async () => {
  const { name, tree, where, env, parts, run } = await site();

  const result = await both(later(parts, 3_700_000));

  expect(result.removed.map(({ kind }) => kind)).toEqual(['database', 'tree']);
  expect(result.freedBytes).toBeGreaterThan(1_000_000);
  expect([await databases(name), keptIn(tree), readdirSync(tree).sort()]).toEqual([[name], [], ['a.txt', 'sub']]);
  const listed = await potctl(['restore', 'list', ...where, '--json'], { env });
  expect(JSON.parse(listed.stdout).items).toMatchObject([{ run_id: run, undo: 'gone' }]);
  await expect(undo(parts, run)).rejects.toMatchObject({
    code: 'E_REFUSED',
    why: expect.stringContaining('was removed'),
  });
});

test('a named run is removed early, but only with --confirm; nothing is removed automatically', async () => {
  const { name, where, env, run, kept } = await site();
  // The records need this machine's host name: the command line does not use the test's host.
  const prune = (...flags: string[]) => potctl(['backup', 'prune', '--old-databases', ...where, ...flags], { env });

  const shown = await prune();
  expect(shown).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('keep: undo is possible until') });
  const unconfirmed = await prune('--run', run);
  expect(unconfirmed).toMatchObject({ exitCode: 30, stderr: expect.stringContaining(`--confirm ${name}`) });
  expect((await prune('--run', run, '--dry-run')).stdout).toContain(kept);
  expect(await databases(name)).toEqual([name, kept]);

  const done = await prune('--run', run, '--confirm', name, '--json');
  expect(JSON.parse(done.stdout)).toMatchObject({
    changed: true,
    result: { state: 'done', removed: [{ kind: 'database', name: kept }] },
  });
  expect(await databases(name)).toEqual([name]);
});

test('a previous database with connections is kept together with its tree, and its undo still works', async () => {
  const { name, parts, kept, tree, run } = await site();
  const client = await connect(kept);
  const result = await both(later(parts, 3_700_000));
  await client.end();
  const because = '1 session is connected to it';
  expect(result.removed).toEqual([]);
  expect(result.kept.map(({ stays }) => stays)).toEqual([because, `the database of the same run is kept: ${because}`]);
  expect([await databases(name), keptIn(tree)]).toEqual([[name, kept], [`.potctl-before-${run}`]]);
  expect(await undo(parts, run)).toMatchObject({ state: 'done' });
});

test('databases and folders without a record are reported and kept: similar names, renamed ones, folders of others', async () => {
  const { name, parts, kept, tree } = await site();
  await inMaintenance((client) => client.query(`create database ${quote(`${name}_before_lunch`)}`));
  await inMaintenance((client) => client.query(`alter database ${quote(kept)} rename to ${quote(`${name}_mine`)}`));
  mkdirSync(path.join(tree, '.potctl-before-mine'));
  writeFileSync(path.join(tree, '.potctl-before-mine', 'x'), 'x');

  const { kept: stays, removed } = await both(later(parts, 3_700_000));

  expect(removed.map(({ kind }) => kind)).toEqual(['tree']);
  expect(stays.map(({ name: one, stays: why }) => [path.basename(one), why])).toEqual(
    expect.arrayContaining([
      [`${name}_before_lunch`, 'no restore record shows that potctl created it'],
      [`${name}_mine`, `it was renamed; its run kept it as "${kept}"`],
      ['.potctl-before-mine', 'no restore record shows that potctl created it'],
    ]),
  );
  expect(keptIn(tree)).toEqual(['.potctl-before-mine']);
  await inMaintenance((client) => client.query(`drop database ${quote(`${name}_mine`)}`));
});

test('after an undo, the live database is never mistaken for a previous one', async () => {
  const { name, parts, run } = await site();
  await undo(parts, run);
  const { plan: runs } = await ready(later(parts, 3_700_000));
  expect(runs.remove.map(({ kind }) => kind).sort()).toEqual(['database', 'tree']);
  expect(runs.remove.every((one) => one.run !== run)).toBe(true);
  await both(later(parts, 3_700_000));
  const client = await connect(name);
  expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 10 }]);
  await client.end();
  expect(await databases(name)).toEqual([name]);
});
