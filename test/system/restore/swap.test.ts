import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { advice, potctl } from '../../../src/kernel/next.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, plan, restore, testRepository } from '../../support/restoring.js';
import { rewriteManifest } from '../../support/rewritten-manifest.js';
import { openTestServer } from '../../support/server.js';

/** A database, a backup of it, and what a restore of it works with. */
async function site(schema = 'create table t as select generate_series(1, 1000) i') {
  const database = await freshDatabase({ schema });
  const parts = { server: openTestServer(database.name), repository: await testRepository() };
  return { ...database, parts, id: await backUp(parts) };
}

async function databases(prefix: string): Promise<string[]> {
  return inMaintenance(async (client) => {
    const sql = 'select datname from pg_database where starts_with(datname, $1) order by 1';
    return (await client.query<{ datname: string }>(sql, [prefix])).rows.map(({ datname }) => datname);
  });
}

test('six clients that reconnect in a loop neither prevent the swap nor miss the restored data', async () => {
  const { name, query, parts } = await site();
  await query('delete from t');
  let working = true;
  const seen = new Set<number>();
  const clients = Array.from({ length: 6 }, async () => {
    while (working) await look(name, seen);
  });

  const { downtimeMs } = await restore(parts);
  await delay(300);
  const after = new Set<number>();
  await look(name, after);
  working = false;
  await Promise.all(clients);

  expect([...seen].sort()).toEqual([0, 1000]);
  expect([...after]).toEqual([1000]);
  expect(downtimeMs).toBeLessThan(5_000);
});

async function look(name: string, seen: Set<number>): Promise<void> {
  let client: pg.Client | undefined;
  try {
    client = await connect(name);
    for (let round = 0; round < 20; round += 1) {
      seen.add((await client.query<{ n: number }>('select count(*)::int as n from t')).rows[0]!.n);
    }
  } catch {
    await delay(5);
  } finally {
    await client?.end().catch(() => {});
  }
}

test('counts and foreign keys of a backup taken while writers go on hold after the restore', async () => {
  const schema = 'create table a (id serial primary key); create table b (a int not null references a)';
  const database = await freshDatabase({ schema });
  const parts = { server: openTestServer(database.name), repository: await testRepository() };
  const writer = await connect(database.name);
  let writing = true;
  const written = (async () => {
    while (writing) {
      await writer.query('with one as (insert into a default values returning id) insert into b select id from one');
    }
  })();
  await delay(100);
  await backUp(parts);
  writing = false;
  await written;
  await writer.end();

  const { restored, checks } = await restore(parts);

  const client = await connect(database.name);
  const sql = `select (select count(*)::int from a) as a, (select count(*)::int from b) as b,
                      (select count(*)::int from b where not exists (select from a where id = b.a)) as orphans`;
  const [row] = (await client.query(sql)).rows;
  await client.end();
  expect(row.a).toBeGreaterThan(0);
  expect(row).toEqual({ a: restored.rows / 2, b: restored.rows / 2, orphans: 0 });
  expect(checks).toMatchObject({ tables: 2, sequences: 1, notCompared: 0 });
});

test('a backup that says more than its dump holds is not swapped in, and nothing is left of the try', async () => {
  const { name, query, parts, id } = await site();
  await rewriteManifest(parts.repository, id, (manifest) => {
    manifest.database!.inventory.tables[0]!.count! += 1;
  });

  await expect(restore(parts)).rejects.toMatchObject({
    code: 'E_RESTORE_CHECK',
    changed: 'nothing',
    why: expect.stringContaining('public.t has 1000 rows, the backup 1001'),
    fix: expect.arrayContaining([
      advice`Verify the backup (${potctl('backup', 'verify', id, '--level', 'full')}), or take another one.`,
    ]),
  });

  expect(await databases(name)).toEqual([name]);
  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 1000 }]);
});

test('an error while names are swapped leaves the live database and removes what was built', async () => {
  const { name, parts, query } = await site();
  await inMaintenance((client) => client.query(`create database ${quote(`${name}_taken`)}`));
  const uninterrupted = async () => Promise.reject(new Error('struck by lightning'));

  await expect(restore({ ...parts, host: { uninterrupted } })).rejects.toThrow('struck by lightning');

  expect(await databases(`${name}_restore`)).toEqual([]);
  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 1000 }]);
  await inMaintenance((client) => client.query(`drop database ${quote(`${name}_taken`)}`));
});

test('Ctrl-C while pg_restore works removes what was built and leaves the live database', async () => {
  const { name, query, parts } = await site(
    'create table t as select generate_series(1, 300000) i; create index on t (i)',
  );
  const interrupt = new AbortController();
  const server = openTestServer(name, { signal: interrupt.signal });
  const progress = (event: { kind: string; name?: string }) => {
    if (event.kind === 'phase' && event.name === 'pg_restore') setTimeout(() => interrupt.abort(), 30);
  };
  const interrupted = { ...parts, server, host: { signal: interrupt.signal, progress } };

  await expect(restore(interrupted)).rejects.toMatchObject({
    code: 'E_INTERRUPTED',
    changed: 'nothing',
  });

  expect(await databases(name)).toEqual([name]);
  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 300_000 }]);
  expect((await plan(parts)).blocking).toEqual([]);
});

test('mode new restores beside and leaves the live database alone', async () => {
  const { name, query, parts } = await site();
  await query('delete from t');

  const result = await restore(parts, { mode: 'new', into: `${name}_before_look` });

  expect(result).toMatchObject({ database: `${name}_before_look`, oldDatabase: null, undoUntil: null });
  expect(await databases(name)).toEqual([name, `${name}_before_look`]);
  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 0 }]);
  const beside = await connect(`${name}_before_look`);
  expect((await beside.query('select count(*)::int as n from t')).rows).toEqual([{ n: 1000 }]);
  await beside.end();
  const again = await plan(parts, { mode: 'new', into: `${name}_before_look` });
  expect(again.blocking.map(({ text }) => text)).toEqual([`a database "${name}_before_look" exists already`]);
});
