import type { RestoreDeps } from '../../src/restore/deps.js';
import { parseTableNames } from '../../src/restore/tables/names.js';
import { prepareTables } from '../../src/restore/tables/prepare.js';
import type { TablesRequest } from '../../src/restore/tables/request.js';
import { runTables, type TablesResult } from '../../src/restore/tables/run.js';
import { freshDatabase, inMaintenance, type TestDatabase } from './database.js';
import { backUp, restoreDeps, restoreRequest, testRepository } from './restoring.js';
import { openTestServer } from './server.js';

/** A shop with one of each that a table can have. */
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
  readonly deps: RestoreDeps;
  request(tables: string, schema: string, change?: Partial<TablesRequest>): TablesRequest;
  restore(
    tables: string,
    schema: string,
    change?: Partial<TablesRequest>,
    deps?: Partial<RestoreDeps>,
  ): Promise<TablesResult>;
  /** What could be left behind: scratch databases, staged schemas. */
  leftovers(): Promise<string[]>;
}

export async function tablesSite(schema: string = SHOP): Promise<TablesSite> {
  const database = await freshDatabase({ schema });
  const repository = await testRepository();
  const server = openTestServer(database.name);
  await backUp(server, repository);
  const deps = restoreDeps(server, repository);
  const request: TablesSite['request'] = (tables, into, change = {}) => ({
    ...restoreRequest(database.name, { only: 'db' }),
    ...{ tables: parseTableNames([tables]), intoSchema: into },
    ...change,
  });
  return {
    ...database,
    deps,
    request,
    async restore(tables, into, change, more = {}) {
      const [asked, all] = [request(tables, into, change), { ...deps, ...more }];
      return runTables(all, asked, await prepareTables(all, asked));
    },
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
