import { expect, test } from 'vitest';
import type { RestoreDeps } from '../../src/restore/deps.js';
import { readRuns, writeRun } from '../../src/runs/record.js';
import { recoverRuns } from '../../src/runs/recover.js';
import { tablesSite } from '../support/single-tables.js';

/** What a kill -9 is to the next start: the record says `running`, and nothing was tidied up. */
class Killed extends Error {}

/** Works until the run has written its record so often, and then neither writes nor tidies anything any more. */
function killedAt(deps: RestoreDeps, write: number): RestoreDeps {
  let writes = 0;
  const dead = async (): Promise<never> => Promise.reject(new Killed());
  const server = deps.server!;
  const isDead = (): boolean => writes >= write;
  return {
    ...deps,
    server: {
      ...server,
      session: (options) => (isDead() ? dead() : server.session(options)),
      maintenanceSession: (purpose) => (isDead() ? dead() : server.maintenanceSession(purpose)),
    },
    repository: {
      ...deps.repository,
      putDocument: async (name, text) => {
        if (isDead()) return dead();
        await deps.repository.putDocument(name, text);
        if (name.startsWith('restores/')) writes += 1;
      },
    },
  };
}

const recover = (deps: RestoreDeps) =>
  recoverRuns({ ...deps, startWriters: null, hostname: 'here', set: '', tree: null, database: null });

test.each([
  ['with an empty scratch database', 2, 'interrupted', []],
  ['with everything checked in the staged schema', 3, 'interrupted', []],
])('killed %s: the next start removes all of it, and says so in the record', async (_, write, state, found) => {
  const { deps, restore, query, leftovers } = await tablesSite();

  await expect(restore('orders', 'found', {}, killedAt(deps, write))).rejects.toThrow();
  expect((await leftovers()).length).toBeGreaterThan(0);
  expect((await readRuns(deps.repository)).map((run) => run.state)).toEqual(['running']);
  await recover(deps);

  expect(await leftovers()).toEqual([]);
  expect(await query(`select nspname from pg_namespace where nspname = 'found'`)).toEqual(found);
  expect((await readRuns(deps.repository)).map((run) => run.state)).toEqual([state]);
  await restore('orders', 'found');
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
});

test('killed after the tables had their name: they stay, the scratch database goes, the run counts as done', async () => {
  const { deps, restore, query, leftovers, name } = await tablesSite();
  await restore('orders', 'found');
  const [done] = await readRuns(deps.repository);
  const { createStagedDatabase } = await import('../../src/restore/database/stage.js');
  const { readManifest } = await import('../../src/catalog/catalog.js');
  const { database } = await readManifest(deps.repository, done!.backup);
  const staged = done!.database!.incoming!.staged_as;
  const oid = await createStagedDatabase(
    deps.server!,
    staged,
    { ...database!, properties: database!.properties! },
    done!.run_id,
  );
  const move = { ...done!.database!, incoming: { oid, staged_as: staged } };
  await writeRun(deps.repository, { ...done!, state: 'running', step: 'swapping', finished_at: null, database: move });
  expect(await leftovers()).toEqual([`${name}_restore_${done!.run_id}`]);

  await recover(deps);

  expect(await leftovers()).toEqual([]);
  expect((await readRuns(deps.repository)).map((run) => run.state)).toEqual(['done']);
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
});

test('a record that names another schema than its own is no record: nothing is dropped for it', async () => {
  const { deps, restore, query } = await tablesSite();
  await restore('orders', 'found');
  const [done] = await readRuns(deps.repository);
  const tables = { ...done!.tables!, staged_schema: 'public' };
  await writeRun(deps.repository, { ...done!, state: 'running', tables });

  await recover(deps);

  expect(await query('select count(*)::int as n from orders')).toEqual([{ n: 1000 }]);
});
