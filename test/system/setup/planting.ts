import type pg from 'pg';

/** Every word of the functions of a schema: what they could be made to look up. Bodies, arguments and results. */
export async function wordsOf(client: pg.Client, schemas: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `select p.prosrc || ' ' || p.proname || ' ' || pg_get_function_arguments(p.oid) || ' ' || pg_get_function_result(p.oid) as text
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any($1)`,
    [schemas],
  );
  return [...new Set(rows.flatMap(({ text }) => text.match(/[a-z_][a-z0-9_]*/gi) ?? []))].map((w) => w.toLowerCase());
}

/** Tells by a notice, which no rollback takes back. */
const STEAL = `
  create function pg_temp.steal(v pg_catalog.text) returns boolean language plpgsql as $$
  begin
    raise notice 'stolen by %', current_user;
    return true;
  end $$`;

/** In which ways a caller can plant something in pg_temp. */
export type Plant = 'domains' | 'relations' | 'functions' | 'operators';

/** What was planted in a session. */
export interface Planted {
  readonly count: number;
  /** Who ran any of it, since this was asked the last time. */
  loot(): string[];
}

/** Plants, in the caller's session, something of each name that tells who runs it. */
export async function plant(client: pg.Client, kind: Plant, words: readonly string[]): Promise<Planted> {
  await client.query(STEAL);
  let count = 0;
  for (const sql of await statementsOf(client, kind, words)) {
    await client.query(sql).then(
      () => (count += 1),
      () => {},
    );
  }
  let thieves: string[] = [];
  client.on('notice', ({ message = '' }) => {
    const [, who] = /^stolen by (.*)$/.exec(message) ?? [];
    if (who !== undefined) thieves.push(who);
  });
  return {
    count,
    loot() {
      const all = [...new Set(thieves)];
      thieves = [];
      return all;
    },
  };
}

async function statementsOf(client: pg.Client, kind: Plant, words: readonly string[]): Promise<string[]> {
  const sql = SOURCES[kind];
  const { rows } = await client.query<{ sql: string }>(sql, [words]);
  return rows.map((row) => row.sql);
}

/** Each gives SQL by itself, from the catalog. `$1`: the words. */
const SOURCES: Readonly<Record<Plant, string>> = {
  domains: `
    select format('create domain pg_temp.%I as pg_catalog.%I check (pg_temp.steal(value::pg_catalog.text))', typname, typname) as sql
      from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype = 'b'
       and typname = any($1::text[] || '{bool,int2,int4,int8,name,oid,numeric,interval,timestamp,varchar,regclass,regtype}')`,
  relations: `
    select format('create view pg_temp.%I as select s.* from (select (null::%I.%I).*) s where pg_temp.steal(%L)', c.relname, n.nspname, c.relname, c.relname) as sql
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('potctl', 'potctl_app') and c.relkind = 'r' and c.relname = any($1)
    union all
    select format('create view pg_temp.%I as select true as one where pg_temp.steal(%L)', word, word) from unnest($1::text[]) as w (word)`,
  functions: `
    select format('create function pg_temp.%I(%s) returns %s language plpgsql as %L', p.proname, pg_get_function_identity_arguments(p.oid),
                  pg_get_function_result(p.oid), 'begin perform pg_temp.steal(''x''); return null; end') as sql
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('pg_catalog', 'potctl', 'potctl_app') and p.prokind = 'f' and p.proname = any($1) and p.proname <> 'steal'`,
  operators: `
    with pairs as (
      select o.oprname, o.oprleft::regtype as l, o.oprright::regtype as r, row_number() over () as k
        from pg_operator o
       where o.oprnamespace = 'pg_catalog'::regnamespace and cardinality($1::text[]) > 0
         and o.oprname = any('{=,<>,<,>,<=,>=,+,-,/,||,->,~,!~}')
         and o.oprleft::regtype::text = any('{text,name,bigint,integer,numeric,boolean,bytea,jsonb,uuid,interval,"timestamp with time zone"}')
         and o.oprright::regtype::text = any('{text,name,bigint,integer,numeric,boolean,bytea,jsonb,uuid,interval,"timestamp with time zone"}'))
    select x.sql from pairs p,
      lateral (values (1, format('create function pg_temp.op_%s(%s, %s) returns boolean language sql as %L', k, l, r, 'select pg_temp.steal(''x'')')),
                      (2, format('create operator pg_temp.%s (leftarg = %s, rightarg = %s, function = pg_temp.op_%s)', oprname, l, r, k))) as x (n, sql)
     order by p.k, x.n`,
};
