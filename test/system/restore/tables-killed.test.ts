import { expect, test } from 'vitest';
import { readRuns, writeRun } from '../../../src/runs/record.js';
import { backUp, type Target } from '../../support/restoring.js';
import { mortal } from './mortal.js';
import { tablesSite } from './single-tables.js';

/** Works until the run has written its record that many times, then neither writes nor cleans up anything. */
function killedAt(parts: Target, write: number): Target {
  let writes = 0;
  const one = mortal(parts, () => {
    writes += 1;
    if (writes === write) one.die();
  });
  return one.parts;
}

/** Any next start cleans up after a killed run. */
const nextStart = (parts: Target) => backUp(parts, { only: 'db' });

test.each([
  ['with an empty scratch database', 2, 'interrupted', []],
  ['with everything verified in the staging schema', 3, 'interrupted', []],
])('killed %s: the next start removes everything and records it', async (_, write, state, found) => {
  const { parts, restore, query, leftovers } = await tablesSite();

  await expect(restore('orders', 'found', {}, killedAt(parts, write))).rejects.toThrow();
  expect((await leftovers()).length).toBeGreaterThan(0);
  expect((await readRuns(parts.repository)).map((run) => run.state)).toEqual(['running']);
  await nextStart(parts);

  expect(await leftovers()).toEqual([]);
  expect(await query(`select nspname from pg_namespace where nspname = 'found'`)).toEqual(found);
  expect((await readRuns(parts.repository)).map((run) => run.state)).toEqual([state]);
  await restore('orders', 'found');
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
});

test('killed after the tables reached their schema: they stay, the scratch database is dropped, the run counts as done', async () => {
  const { parts, restore, query, leftovers, name } = await tablesSite();
  await restore('orders', 'found');
  const [done] = await readRuns(parts.repository);
  const { createStagedDatabase } = await import('../../../src/restore/database/stage.js');
  const { readManifest } = await import('../../../src/catalog/catalog.js');
  const { database } = await readManifest(parts.repository, done!.backup);
  const staged = done!.database!.incoming!.staged_as;
  const oid = await createStagedDatabase(
    parts.server,
    staged,
    { ...database!, properties: database!.properties! },
    done!.run_id,
  );
  const move = { ...done!.database!, incoming: { oid, staged_as: staged } };
  await writeRun(parts.repository, { ...done!, state: 'running', step: 'swapping', finished_at: null, database: move });
  expect(await leftovers()).toEqual([`${name}_restore_${done!.run_id}`]);

  await nextStart(parts);

  expect(await leftovers()).toEqual([]);
  expect((await readRuns(parts.repository)).map((run) => run.state)).toEqual(['done']);
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
});

test('a record that names a schema other than its own is invalid, and nothing is dropped for it', async () => {
  const { parts, restore, query } = await tablesSite();
  await restore('orders', 'found');
  const [done] = await readRuns(parts.repository);
  const tables = { ...done!.tables!, staged_schema: 'public' };
  await writeRun(parts.repository, { ...done!, state: 'running', tables });

  await nextStart(parts);

  expect(await query('select count(*)::int as n from orders')).toEqual([{ n: 1000 }]);
});
