import { expect, test } from 'vitest';
import { rewriteManifest } from '../../support/rewritten-manifest.js';
import { tablesSite } from './single-tables.js';

/** Everything outside one schema: it must not change. */
const OUTSIDE = `
  select format('%s %s %s %s %s', c.oid, n.nspname, c.relname, c.relkind, c.relhastriggers) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', $1)
  union all select 'user ' || u::text from users u
  union all select 'order ' || o::text from orders o
  union all select 'loose ' || last_value from loose order by 1`;

test('tables are restored next to the live ones with rows, keys, indexes and sequences; what is not restored is listed', async () => {
  const { query, restore, leftovers } = await tablesSite();
  await query('delete from orders where cents > 500');
  await query(`update users set name = 'changed ' || id`);
  const before = await query(OUTSIDE, ['found']);

  const result = await restore('orders', 'found');

  expect(result).toMatchObject({ state: 'done', schema: 'found', tables: [{ table: 'orders', rows: 1000 }] });
  expect(result.restored).toEqual({ tables: 1, rows: 1000, notCompared: 0 });
  expect(result.needs).toEqual(['sequence public.loose']);
  expect(result.leftOut).toEqual(
    expect.arrayContaining([
      { kind: 'foreign key', name: 'public.orders orders_owner_fkey' },
      { kind: 'trigger', name: 'public.orders orders_noted' },
      { kind: 'grants', name: 'public.TABLE orders' },
    ]),
  );
  expect(result.leftOut).toHaveLength(3);
  expect(await query(OUTSIDE, ['found'])).toEqual(before);
  expect(await query('select count(*)::int as n, sum(twice)::int as twice from found.orders')).toEqual([
    { n: 1000, twice: 1_001_000 },
  ]);
  expect(await query(`select obj_description('found.orders'::regclass) as told`)).toEqual([
    { told: 'what was bought' },
  ]);
  expect(await query(`select indexname as name from pg_indexes where schemaname = 'found' order by 1`)).toEqual([
    { name: 'orders_by_owner' },
    { name: 'orders_pkey' },
  ]);
  const [own] = await query(`insert into found.orders (owner, follows, cents) values (1, 1, 1) returning id`);
  expect(own).toEqual({ id: 1001 });
  await expect(query('insert into found.orders (owner, follows, cents) values (1, 4711, 1)')).rejects.toThrow(
    'foreign key',
  );
  expect(await leftovers()).toEqual([]);
});

test('two tables keep the foreign key between them, and their own sequences', async () => {
  const { query, restore } = await tablesSite();

  const result = await restore('users,orders', 'found');

  expect(result.leftOut.map(({ kind }) => kind).sort()).toEqual(['grants', 'trigger']);
  expect(result.needs).toEqual(['sequence public.loose', 'type public.mood']);
  const [{ refers }] = (await query(
    `select confrelid::regclass::text as refers from pg_constraint where conname = 'orders_owner_fkey' and conrelid = 'found.orders'::regclass`,
  )) as [{ refers: string }];
  expect(refers).toBe('found.users');
  expect(await query(`select pg_get_serial_sequence('found.users', 'id') as own`)).toEqual([
    { own: 'found.users_id_seq' },
  ]);
  expect(await query(`insert into found.users (name) values ('new') returning id, mood::text`)).toEqual([
    { id: 101, mood: 'calm' },
  ]);
});

test('a partitioned table is restored with all partitions; odd names and commas work in quotes, even into an existing schema', async () => {
  const { query, restore, leftovers } = await tablesSite();
  await query('create schema "S p"; create table "S p".mine (i int)');

  const result = await restore(`log,"Odd, one"."we""ird.Tab le"`, 'S p');

  expect(result.restored).toEqual({ tables: 3, rows: 357, notCompared: 0 });
  expect(
    await query(`select tableoid::regclass::text as part, count(*)::int as n from "S p".log group by 1 order by 1`),
  ).toEqual([
    { part: '"S p".log_new', n: 50 },
    { part: '"S p".log_old_1', n: 300 },
  ]);
  expect(await query('select count(*)::int as n from log')).toEqual([{ n: 350 }]);
  expect(await query('select sum("a b")::int as n from "S p"."we""ird.Tab le"')).toEqual([{ n: 28 }]);
  expect(await query('select * from "S p".mine')).toEqual([]);
  expect(await leftovers()).toEqual([]);
});

test('a restored child table does not become a child of the live parent', async () => {
  const { query, restore } = await tablesSite(
    `create table base (i int); create table child () inherits (base); insert into base values (1); insert into child values (2)`,
  );

  const result = await restore('child', 'found');

  expect(result.leftOut).toEqual([{ kind: 'inheritance', name: 'child from public.base' }]);
  expect(await query('select i from base order by i')).toEqual([{ i: 1 }, { i: 2 }]);
  expect(await query('select i from found.child')).toEqual([{ i: 2 }]);
});

test('restoring tables works while the application writes, and takes no lock that blocks it', async () => {
  const { query, restore } = await tablesSite();
  await query('begin; lock table orders, users in access exclusive mode');

  await restore('orders', 'found');
  await query('insert into users (name) values ($1)', ['meanwhile']);

  await query('commit');
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
});

test('rows that differ from the manifest are found before they become visible, and everything is removed again', async () => {
  const { query, restore, parts, leftovers } = await tablesSite();
  const [id] = await parts.repository.list();
  await rewriteManifest(parts.repository, id!, (manifest) => {
    manifest.database!.inventory.tables.find(({ table }) => table === 'users')!.count = 99;
  });

  const wrong = restore('users', 'found');

  await expect(wrong).rejects.toMatchObject({
    code: 'E_RESTORE_CHECK',
    why: expect.stringContaining('100 restored, 99 in the backup'),
  });
  expect(await query(`select nspname from pg_namespace where nspname = 'found'`)).toEqual([]);
  expect(await leftovers()).toEqual([]);
});

test.each([
  ['a row', 'delete from %s.t where i = 1'],
  ['an index', 'drop index %s.a_unique'],
])('what the live database takes away from a table that comes back is noticed: %s', async (_, sql) => {
  const { query, restore, leftovers } = await tablesSite(`
    create table t as select generate_series(1, 10) i; create unique index a_unique on t (i); create index t_later on t (i)`);
  await query(`create function meddle() returns event_trigger language plpgsql as $$
    declare changed record;
    begin
      for changed in select schema_name, object_identity from pg_event_trigger_ddl_commands() where object_identity like '%t_later'
      loop execute format('${sql}', changed.schema_name); end loop;
    end $$`);
  await query(`create event trigger meddles on ddl_command_end when tag in ('CREATE INDEX') execute function meddle()`);

  await expect(restore('t', 'found')).rejects.toMatchObject({ code: 'E_RESTORE_CHECK', changed: 'nothing' });

  expect(await leftovers()).toEqual([]);
});
