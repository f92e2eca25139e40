import { expect, test } from 'vitest';
import { connect, freshDatabase } from '../../support/database.js';
import { restore, testRepository } from '../../support/restoring.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';

const TABLES = `
  create table plain as select 1 as i;
  do $$ begin
    execute format('create table %I as select generate_series(1, 2) as %I', convert_from('\\x636166e9', 'SQL_ASCII'), convert_from('\\x6ee9', 'SQL_ASCII'));
    execute format('create table %I as select generate_series(1, 3) as i', convert_from('\\x636166e8', 'SQL_ASCII'));
  end $$`;

/** The bytes of each table's name, and its rows. */
async function tablesOf(database: string) {
  const client = await connect(database);
  const { rows } = await client.query(
    `select encode(relname::text::bytea, 'hex') as name,
            (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s', c.oid::regclass), false, true, '')))[1]::text as rows
       from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  await client.end();
  return rows;
}

test('an SQL_ASCII database with names that are not UTF-8 is backed up, reports uncounted tables, and is restored byte for byte', async () => {
  const options = `template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'`;
  const database = await freshDatabase({ schema: TABLES, options });
  const { name } = database;
  const repository = await testRepository();
  const before = await tablesOf(name);

  const made = await potctl(['backup', 'create', '--only', 'db', '--repository', repository.url, '--json'], {
    env: { PGDATABASE: name },
  });

  expect(made, made.stderr).toMatchObject({ exitCode: expect.toSatisfy((code) => code === 0 || code === 3) });
  expect(JSON.parse(made.stdout).result).toMatchObject({
    status: 'degraded',
    degraded_reasons: [expect.stringContaining('not UTF-8'), expect.stringContaining('not UTF-8')],
  });
  await database.client.end();
  await restore({ server: openTestServer(name), repository });
  expect(await tablesOf(name)).toEqual(before);
});
