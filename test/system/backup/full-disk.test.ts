import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PotctlError } from '../../../src/kernel/errors.js';
import { connect, freshDatabase, inMaintenance } from '../../support/database.js';
import { openedAt } from '../../support/old-backups.js';
import { backUp, restore, withTree } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { atPhase, canMount, smallDisk, unfinished } from '../../support/small-disk.js';
import { casesOfThisRun } from '../../support/sweep.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

const SCHEMA = `create table t as select i, md5(i::text) || md5((-i)::text) as body from generate_series(1, 3000) i`;

/** Backup, then a change of both; the repository or the tree lies on the small disk. */
async function site(small: 'repository' | 'tree') {
  const { name, query } = await freshDatabase({ schema: SCHEMA });
  const { disk, fill, empty } = await smallDisk();
  const at = (what: string) => (what === small ? Promise.resolve(disk) : temporaryFolder());
  const tree = await makeTree(
    { 'a.txt': 'alpha', 'noise.bin': randomBytes(300_000) },
    path.join(await at('tree'), 'storage'),
  );
  const place = path.join(await at('repository'), 'backups');
  const repository = await openedAt(place);
  const parts = { server: openTestServer(name), repository, ...withTree(tree) };
  await backUp(parts);
  const ids = await repository.list();
  return { name, query, parts, repository, place, tree, ids, fill, empty };
}

async function rows(database: string): Promise<number> {
  const client = await connect(database);
  try {
    return (await client.query<{ n: number }>('select count(*)::int as n from t')).rows[0]!.n;
  } finally {
    await client.end();
  }
}

async function databases(prefix: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1) order by 1';
  const found = await inMaintenance((client) => client.query<{ datname: string }>(sql, [prefix]));
  return found.rows.map(({ datname }) => datname);
}

const isSwap = (phase: string): boolean => phase === 'swap';

describe.skipIf(!canMount)('a disk that runs full (needs root, to mount a small one)', () => {
  test.each([
    ['files', 1],
    ['database', 1],
    ['files', 2],
  ] as const)('during %s (%i) of a backup fails with no space, and nothing is listed or left', async (phase, nth) => {
    const { parts, repository, place, ids, fill, empty } = await site('repository');

    const failed = backUp({ ...parts, host: { progress: atPhase(phase, nth, fill) } });

    await expect(failed).rejects.toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing' });
    expect([await repository.list(), unfinished(place)]).toEqual([ids, []]);
    empty();
    await backUp(parts);
    expect(await repository.list()).toHaveLength(2);
  });

  // The phases between the first two write to the server's disk only.
  test.each(casesOfThisRun(['create database', 'files', 'files check', 'swap', 'files swap'], isSwap))(
    'that holds the tree, while a restore is at %s: database and files are both old or both new, and a retry succeeds',
    (phase) => fillDuringRestore('tree', phase),
  );

  test.each(casesOfThisRun(['create database', 'files', 'swap', 'files swap'], isSwap))(
    'that holds the repository, while a restore is at %s: the same',
    (phase) => fillDuringRestore('repository', phase),
  );
});

async function fillDuringRestore(small: 'repository' | 'tree', phase: string): Promise<void> {
  const { name, query, parts, place, tree, fill, empty } = await site(small);
  const runId = 'rfull';
  const backedUp = await describeTree(tree);
  await query('delete from t where i > 1');
  fs.writeFileSync(path.join(tree, 'a.txt'), 'changed');
  const changed = await describeTree(tree);

  const error = await restore({ ...parts, host: { progress: atPhase(phase, 1, fill), who: { runId } } }).then(
    () => null,
    (reason: unknown) => reason,
  );

  const told = error as PotctlError | null;
  if (told !== null) expect(told).toMatchObject({ code: expect.stringMatching(/^E_(NO_SPACE|IO)$/) });
  const isNew = told === null || told.changed === 'complete';
  expect([await rows(name), withoutOwn(await describeTree(tree))]).toEqual(
    isNew ? [3000, withoutOwn(backedUp)] : [1, withoutOwn(changed)],
  );
  // One that was live for a moment is kept, and said: clients may have written to it.
  const isKept = told?.changedDetail?.includes('it is kept') === true;
  const kept = isKept ? [`${name}_restore_${runId}`] : [];
  expect(await databases(`${name}_restore_`)).toEqual(kept);
  empty();
  expect(await restore(parts)).toMatchObject({ state: 'done' });
  expect([await rows(name), withoutOwn(await describeTree(tree))]).toEqual([3000, withoutOwn(backedUp)]);
  expect([unfinished(place), unfinished(tree), await databases(`${name}_restore_`)]).toEqual([[], [], kept]);
}

/** The live entries: what a swap keeps lies beside them, and the root's own time is touched by what failed. */
const withoutOwn = (lines: readonly string[]): string[] => lines.filter((text) => !/^\.( |$)|\.potctl-/.test(text));
