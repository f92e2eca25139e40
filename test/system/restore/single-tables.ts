import type { RunOptions } from '../../../src/restore/open.js';
import type { TablesResult } from '../../../src/restore/tables/run.js';
import { freshDatabase, inMaintenance, type TestDatabase } from '../../support/database.js';
import { type TestParts, testPotctl } from '../../support/host.js';
import { backUp, type Target, testRepository } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';

/** A shop whose tables have one of each kind of dependent object. */
export const SHOP = `
  create type mood as enum ('calm', 'cross');
  create sequence loose;
  create function noted() returns trigger language plpgsql as 'begin return new; end';
  create table users (id serial primary key, name text not null unique, mood mood default 'calm');
  create table orders (
    id int generated always as identity primary key, owner int not null references users, follows int references orders,
    number int default nextval('loose'), cents int check (cents > 0), twice int generated always as (cents * 2) stored);
  create index orders_by_owner on orders (owner, cents);
  create trigger orders_noted before insert on orders for each row execute function noted();
  comment on table orders is 'what was bought';
  grant select on orders to public;
  create view dear as select * from orders where cents > 900;
  create materialized view cheap as select * from orders where cents < 10;
  create table log (day date not null, line text) partition by range (day);
  create table log_old partition of log for values from ('2020-01-01') to ('2021-01-01') partition by range (day);
  create table log_old_1 partition of log_old for values from ('2020-01-01') to ('2020-07-01');
  create table log_new partition of log for values from ('2021-01-01') to ('2022-01-01');
  create index on log (day);
  create schema "Odd, one";
  create table "Odd, one"."we""ird.Tab le" ("a b" int primary key);
  insert into users (name) select 'user ' || i from generate_series(1, 100) i;
  insert into orders (owner, cents) select 1 + i % 100, i from generate_series(1, 1000) i;
  insert into log select date '2020-01-01' + i % 90, 'line' from generate_series(1, 300) i;
  insert into log select date '2021-01-01' + i, 'line' from generate_series(1, 50) i;
  insert into "Odd, one"."we""ird.Tab le" select generate_series(1, 7);
`;

/** A backed-up database, and restores of single tables of it. */
export interface TablesSite extends TestDatabase {
  readonly parts: Target;
  restore(tables: string, schema: string, options?: Partial<RunOptions>, parts?: TestParts): Promise<TablesResult>;
  /** What could be left behind: scratch databases and staging schemas. */
  leftovers(): Promise<string[]>;
}

export async function tablesSite(schema: string = SHOP): Promise<TablesSite> {
  const database = await freshDatabase({ schema });
  const parts = { server: openTestServer(database.name), repository: await testRepository() };
  await backUp(parts);
  return {
    ...database,
    parts,
    restore: (tables, into, options, more) => restoreTables({ ...parts, ...more }, tables, into, options),
    async leftovers() {
      const staged = await database.query<{ name: string }>(
        `select nspname as name from pg_namespace where nspname like 'potctl%'`,
      );
      const sql = `select datname as name from pg_database where starts_with(datname, $1 || '_restore_')`;
      const scratch = await inMaintenance((client) => client.query<{ name: string }>(sql, [database.name]));
      return [...staged, ...scratch.rows].map(({ name }) => name);
    },
  };
}

/** Restores tables of the newest backup into a schema. */
export async function restoreTables(
  parts: TestParts,
  tables: string,
  intoSchema: string,
  options: Partial<RunOptions> = {},
): Promise<TablesResult> {
  const restore = await testPotctl(parts).restore();
  const prepared = await restore.run({ id: 'latest', jobs: 2, tables: [tables], intoSchema, ...options });
  return (await prepared.apply()) as TablesResult;
}
