import path from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from '../../../src/catalog/catalog.js';
import { connect, freshDatabase, type TestDatabase } from '../../support/database.js';
import { backUp, plan, restore, testRepository } from '../../support/restoring.js';
import { rewriteManifest } from '../../support/rewritten-manifest.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { casesOfThisRun } from '../../support/sweep.js';
import { temporaryFolder } from '../../support/tree.js';
import { availableExtensions, extensionFolder, makeExtension } from './made-extension.js';

/** Configuration tables as in PostGIS, pg_cron and others: with a condition, dumped completely, and without configuration. */
const MADE = `
create table potctl_made_settings (key text primary key, value text, own boolean not null default true);
insert into potctl_made_settings select 'brought ' || i, 'x', false from generate_series(1, 30) i;
select pg_catalog.pg_extension_config_dump('potctl_made_settings', 'WHERE own');
create table potctl_made_all (id int);
select pg_catalog.pg_extension_config_dump('potctl_made_all', '');
create table potctl_made_fixed (id int primary key);
insert into potctl_made_fixed values (1), (2);
alter table potctl_made_fixed add constraint small check (id < 2) not valid;
create sequence potctl_made_ids;
create sequence potctl_made_dumped;
select pg_catalog.pg_extension_config_dump('potctl_made_dumped', '');
`;

interface ExtensionCase {
  readonly extension: string;
  /** Set up before the backup. */
  readonly schema: string;
  /** A single value that proves that everything is there. */
  readonly proof: string;
}

const EXTENSIONS: readonly ExtensionCase[] = [
  {
    extension: 'postgis',
    schema: `create table places (id int primary key, at geometry(Point, 4326));
             insert into places select i, st_setsrid(st_makepoint(i, i), 4326) from generate_series(1, 50) i;
             create index on places using gist (at);
             insert into spatial_ref_sys (srid, auth_name, auth_srid, proj4text) values (900001, 'ours', 1, '+proj=longlat')`,
    proof: `select count(*) || ' ' || (select count(*) > 1000 and bool_or(srid = 900001) from spatial_ref_sys) from places
             where st_x(at) > 25`,
  },
  {
    extension: 'pg_trgm',
    schema: `create table words (word text); insert into words values ('potctl'), ('backup'); create index on words using gin (word gin_trgm_ops)`,
    proof: `select max(similarity(word, 'potctk'))::text || count(*) from words`,
  },
  {
    extension: 'citext',
    schema: `create table mails (mail citext unique); insert into mails values ('A@b.c')`,
    proof: `select count(*)::text from mails where mail = 'a@B.C'`,
  },
  {
    extension: 'hstore',
    schema: `create table bags (bag hstore check (bag ? 'a')); insert into bags values ('a=>1'); create index on bags using gin (bag)`,
    proof: `select bag -> 'a' from bags`,
  },
  {
    extension: 'postgres_fdw',
    schema: `create server elsewhere foreign data wrapper postgres_fdw options (host '/nowhere');
             create user mapping for current_user server elsewhere options (user 'x');
             create foreign table far (i int) server elsewhere; create table near (i int); insert into near values (1);
             create table mixed (i int) partition by range (i);
             create table mixed_near partition of mixed for values from (0) to (10);
             create foreign table mixed_far partition of mixed for values from (10) to (20) server elsewhere;
             insert into mixed values (1), (2)`,
    proof: `select (select count(*) from near) || ' ' || (select count(*) from mixed_near) || ' ' || count(*) from pg_foreign_table`,
  },
  {
    extension: 'tablefunc',
    schema: `create table pivot (r text, c text, v int); insert into pivot values ('a', 'x', 1), ('a', 'y', 2)`,
    proof: `select y::text from crosstab('select r, c, v from pivot order by 1, 2') as t(r text, x int, y int)`,
  },
];

test.for(casesOfThisRun(EXTENSIONS, ({ extension }) => ['pg_trgm', 'postgres_fdw'].includes(extension)))(
  'a database with $extension: backup, verify, plan, restore, undo',
  async ({ extension, schema, proof }, context) => {
    const [available] = await availableExtensions([extension]);
    if (available === undefined) return context.skip(`${extension} is not installed`);
    await allTheWay({ extension, schema, proof });
  },
);

test('an extension with a dump condition and rows of its own: backup, verify, plan, restore, undo', async (context) => {
  const folder = await extensionFolder();
  if (folder === null) return context.skip('this user may not write into the folder of extensions');
  await makeExtension(folder, 'potctl_made', MADE);
  await allTheWay({
    extension: 'potctl_made',
    schema: `insert into potctl_made_settings values ('ours', 'y'); insert into potctl_made_all values (1), (2);
             insert into potctl_made_fixed values (-1); select nextval('potctl_made_ids'), setval('potctl_made_dumped', 7);
             create table t as select 1 as i`,
    proof: `select (select count(*) || max(value) from potctl_made_settings) || (select count(*) from potctl_made_all)
              || (select last_value from potctl_made_dumped)`,
  });
});

async function allTheWay({ extension, schema, proof }: ExtensionCase): Promise<void> {
  const database = await freshDatabase({ schema: `create extension ${extension}; ${schema}` });
  const before = await firstValue(database, proof);
  const place = ['--repository', path.join(await temporaryFolder(), 'repository')];
  const env = { PGDATABASE: database.name };
  const run = (...args: string[]) => potctl([...args, ...place], { env });
  await ok(run('backup', 'create', '--only', 'db'));
  await ok(run('backup', 'verify', 'latest', '--level', 'full'));
  await database.query('create table written_since as select 1 as i');
  await database.client.end();

  const planned = JSON.parse((await ok(run('restore', 'plan', 'latest', '--json'))).stdout);
  const { missing, tables } = planned.item.database.loss;
  expect(missing).toEqual([]);
  const differing = tables.filter(
    (one: { rows_now: number; rows_in_backup: number }) => one.rows_now !== one.rows_in_backup,
  );
  expect(differing.map(({ table }: { table: string }) => table)).toEqual(['written_since']);

  await ok(run('restore', 'run', 'latest', '--confirm', database.name));
  expect(await reconnected(database.name, proof)).toEqual(before);
  expect(await reconnected(database.name, `select to_regclass('written_since')::text`)).toBeNull();
  await ok(run('restore', 'undo', '--confirm', database.name));
  expect(await reconnected(database.name, 'select i::text from written_since')).toBe('1');
}

async function ok(running: ReturnType<typeof potctl>): ReturnType<typeof potctl> {
  const ran = await running;
  expect(ran.exitCode, ran.stderr).toBe(0);
  return ran;
}

async function firstValue({ client }: Pick<TestDatabase, 'client'>, sql: string): Promise<unknown> {
  return Object.values((await client.query(sql)).rows[0])[0];
}

async function reconnected(name: string, sql: string): Promise<unknown> {
  const client = await connect(name);
  try {
    return await firstValue({ client }, sql);
  } finally {
    await client.end();
  }
}

const CONFIGURED = `create table config as select id, id > 3 as own from generate_series(1, 10) as id;
  alter extension plpgsql add table config;
  update pg_extension set extconfig = array['config'::regclass], extcondition = array['where own'] where extname = 'plpgsql'`;

test('a backup without an extension’s condition is compared without that table, and the plan does not report it missing', async (context) => {
  const folder = await extensionFolder();
  if (folder === null) return context.skip('this user may not write into the folder of extensions');
  await makeExtension(folder, 'potctl_made', MADE);
  const database = await freshDatabase({ schema: 'create extension potctl_made; create table t as select 1 as i' });
  const parts = { server: openTestServer(database.name), repository: await testRepository() };
  const id = await backUp(parts);
  await rewriteManifest(parts.repository, id, (manifest) => {
    for (const table of manifest.database!.inventory.tables) delete table.condition;
  });
  await database.query('drop extension potctl_made cascade; create table potctl_made_settings (i int)');

  expect((await plan(parts)).database!.loss!.missing).toEqual(['public.potctl_made_all']);
  const { checks } = await restore(parts);

  expect(checks).toMatchObject({ tables: 1, rows: 1, notCompared: 2 });
});

test('only for an extension’s table is the condition stored with its row count', async () => {
  const database = await freshDatabase({ schema: `${CONFIGURED}; create table t as select 1 as i` });
  const repository = await testRepository();
  const id = await backUp({ server: openTestServer(database.name), repository });
  const manifest = await readManifest(repository, id);
  expect(manifest.database!.inventory.tables.map(({ table, count, condition }) => [table, count, condition])).toEqual([
    ['config', 7, 'where own'],
    ['t', 1, undefined],
  ]);
});
