import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, restore, testRepository, undo } from '../../support/restoring.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const signal = new AbortController().signal;

test.each(['swapped in', 'made anew after a drop'])('every kind of object is restored as it was: %s', async (how) => {
  const objects = await freshDatabase({ schema: 'all-objects' });
  await dress(objects.name);
  const folder = await temporaryFolder();
  const where = ['--repository', path.join(folder, 'repository')];
  const env = { PGDATABASE: objects.name };
  const before = { dump: await plainDump(objects.name, folder), properties: await properties(objects.name) };
  expect(await potctl(['backup', 'create', ...where], { env })).toMatchObject({ exitCode: 0 });
  await objects.client.end();
  if (how === 'swapped in') await lose(objects.name);
  else await inMaintenance((client) => client.query(`drop database ${quote(objects.name)}`));

  const restored = await potctl(['restore', 'run', 'latest', ...where, '--confirm', objects.name], { env });

  expect(restored.stderr).toContain('Restored');
  expect(restored.exitCode).toBe(0);
  expect(await plainDump(objects.name, folder)).toEqual(before.dump);
  expect(await properties(objects.name)).toEqual(before.properties);
});

test('odd names are restored: quotes, spaces, equal signs, 63 bytes, leading digits', async () => {
  for (const name of [`3d "pot='x' `, `é${'a'.repeat(59)}é`, 'postgresql://x']) {
    const odd = await freshDatabase({
      name,
      schema: 'create table "T ""1\n" as select 1 as i; create sequence "S\n1"',
    });
    const parts = { server: openTestServer(name), repository: await testRepository() };
    await backUp(parts);
    await odd.query('drop table "T ""1\n"');

    expect(await restore(parts)).toMatchObject({
      state: 'done',
      checks: { tables: 1, sequences: 1 },
    });

    const client = await connect(name);
    expect((await client.query('select * from "T ""1\n"')).rows).toEqual([{ i: 1 }]);
    await client.end();
    expect(await undo(parts)).toMatchObject({ state: 'done', database: name });
  }
});

test('objects can read database settings during the restore, and settings that would interfere do not', async () => {
  const { name, query } = await freshDatabase();
  await query(`alter database ${quote(name)} set app.tenant to 'north'`);
  await query(`alter database ${quote(name)} set "TimeZone" to 'Asia/Tokyo'`);
  const client = await connect(name);
  await client.query(
    `create materialized view tenant as select current_setting('app.tenant') as name, current_setting('TimeZone') as zone`,
  );
  await client.end();
  await query(`alter database ${quote(name)} set default_transaction_read_only to on`);
  const parts = { server: openTestServer(name), repository: await testRepository() };
  await backUp(parts);

  await restore(parts);

  const after = await connect(name);
  expect((await after.query('select * from tenant')).rows).toEqual([{ name: 'north', zone: 'Asia/Tokyo' }]);
  expect((await after.query('show default_transaction_read_only')).rows).toMatchObject([
    { default_transaction_read_only: 'on' },
  ]);
  await after.end();
});

/** The properties of the database itself. */
async function dress(name: string): Promise<void> {
  const database = quote(name);
  await inMaintenance((client) =>
    client.query(`
      comment on database ${database} is 'it''s a objects; \\ with a "comment"';
      alter database ${database} owner to objects_owner;
      alter database ${database} set search_path to objects, "we""ird sch", public;
      alter database ${database} set default_transaction_read_only to off;
      alter database ${database} set work_mem to '5MB';
      alter role objects_reader in database ${database} set statement_timeout to '7s';
      revoke connect on database ${database} from public;
      grant connect, temporary on database ${database} to objects_reader with grant option;
      alter database ${database} connection limit 50`),
  );
}

async function lose(name: string): Promise<void> {
  const client = await connect(name);
  await client.query('drop schema objects cascade');
  await client.query(`comment on database ${quote(name)} is 'lost'`);
  await client.end();
}

/** Without the random `\restrict` tokens of newer versions. */
async function plainDump(database: string, folder: string): Promise<string[]> {
  const server = openTestServer(database);
  const file = path.join(folder, 'plain.sql');
  await server.runTool('pg_dump', ['--create', '-f', file], { database, signal });
  return (await readFile(file, 'utf8')).split('\n').filter((line) => !/^\\(un)?restrict /.test(line));
}

async function properties(name: string): Promise<unknown> {
  return inMaintenance(async (client) => {
    const { rows } = await client.query(
      `select to_jsonb(d) - 'oid' - 'datfrozenxid' - 'datminmxid' - 'datcollversion' as facts,
              shobj_description(d.oid, 'pg_database') as comment,
              array(select format('%s %s', setrole::regrole, setconfig) from pg_db_role_setting
                     where setdatabase = d.oid order by 1) as settings
         from pg_database d where datname = $1`,
      [name],
    );
    return rows;
  });
}
