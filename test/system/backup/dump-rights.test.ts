import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dumpDatabase } from '../../../src/dump/dump.js';
import { advice, potctl } from '../../../src/kernel/next.js';
import { freshDatabase, inMaintenance, quote, type TestDatabase } from '../../support/database.js';
import { dumpRequest } from '../../support/dump-request.js';
import { openTestServer } from '../../support/server.js';

test('a table that the role may not read is named before anything is dumped', async () => {
  const database = await freshDatabase({ schema: 'create table open(); create table "cl""osed"()' });
  const role = await roleOf(database, (name) => `grant select on open to ${name}`);

  await expect(
    dumpDatabase(openTestServer(database.name, {}, { user: role }), await dumpRequest()),
  ).rejects.toMatchObject({
    code: 'E_DB_DENIED',
    message: 'this role may not read "public"."cl""osed"',
  });
});

test('unreadable schemas and sequences are named, too', async () => {
  const database = await freshDatabase({
    schema: 'create schema shut; create table shut.t(); grant select on shut.t to public; create sequence s',
  });
  const role = await roleOf(database, () => 'select 1');

  await expect(
    dumpDatabase(openTestServer(database.name, {}, { user: role }), await dumpRequest()),
  ).rejects.toMatchObject({
    message: 'this role may not read "public"."s", "shut"."t"',
  });
});

test('row level security forced on the owner is refused, because the dump would lack rows', async () => {
  const database = await freshDatabase();
  const role = await roleOf(database, (name) => `grant all on schema public to ${name}`);
  const { client } = database;
  await client.query(`set role ${quote(role)}; create table secret as select 1 as id;
    alter table secret enable row level security, force row level security; reset role`);
  const server = openTestServer(database.name, {}, { user: role });

  await expect(dumpDatabase(server, await dumpRequest())).rejects.toMatchObject({
    code: 'E_DB_DENIED',
    message: expect.stringContaining('"public"."secret"'),
    fix: expect.arrayContaining([
      advice`Back up as a superuser, or with a dedicated role that has BYPASSRLS: ${potctl('grants', 'sql', '--role', 'backup')}`,
    ]),
  });

  await client.query(`alter role ${quote(role)} bypassrls`);
  expect((await dumpDatabase(server, await dumpRequest())).part.inventory.rows_total).toBe(1);
});

test('a role that may not read passwords dumps roles without them, and the backup is complete', async () => {
  const database = await freshDatabase({ schema: 'create table t as select 1 as id' });
  const role = await roleOf(database, (name) => `grant select on t to ${name}; alter role ${name} password 'canary'`);
  const request = await dumpRequest();

  const { part, degraded } = await dumpDatabase(openTestServer(database.name, {}, { user: role }), request);

  expect(degraded).toEqual([]);
  expect(part.globals).toEqual({ file: 'db/globals.sql', role_passwords: false });
  const globals = await readFile(path.join(request.folder, 'db/globals.sql'), 'utf8');
  expect(globals).toContain(`CREATE ROLE ${quote(role)}`);
  expect(globals).not.toContain('PASSWORD');
});

test('only the configured rows of an extension’s tables are dumped and counted', async () => {
  const database = await freshDatabase({
    schema: `create table config as select id, id > 3 as own from generate_series(1, 10) as id; create table brought as select 1 as id;
             alter extension plpgsql add table config; alter extension plpgsql add table brought;
             update pg_extension set extconfig = array['config'::regclass], extcondition = array['where own'] where extname = 'plpgsql'`,
  });

  const { part, degraded } = await dumpDatabase(openTestServer(database.name), await dumpRequest());

  expect(degraded).toEqual([]);
  expect(part.inventory.tables.map(({ table, count }) => [table, count])).toEqual([['config', 7]]);
});

test.each(['3dpot_dev', "a=b 'c'\\", 'postgresql://x', '表'.repeat(21)])(
  'the database %s can be dumped',
  async (prefix) => {
    const database = await freshDatabase({ name: prefix, schema: 'create table t as select 1 as id' });

    const { part } = await dumpDatabase(openTestServer(database.name), await dumpRequest());

    expect(part).toMatchObject({ name: prefix, inventory: { rows_total: 1 } });
  },
);

/** A login role of its own for one database, which goes with the test. */
async function roleOf({ name, client }: TestDatabase, grant: (role: string) => string): Promise<string> {
  const role = `plain "${name}`;
  await client.query(`create role ${quote(role)} login`);
  await client.query(grant(quote(role)));
  onTestFinished(async () => {
    await inMaintenance((maintenance) => maintenance.query(`drop database if exists ${quote(name)} with (force)`));
    await inMaintenance((maintenance) => maintenance.query(`drop role ${quote(role)}`));
  });
  return role;
}
