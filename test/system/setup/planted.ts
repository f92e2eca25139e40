import type { TestDatabase } from '../../support/database.js';

/** What stands in the server's log when a planted object ran. */
export const RAN = 'PLANTED';

/**
 * As a role that may only create there, gives a schema a copy of everything that the server's catalog has: each function, aggregate and
 * operator, also for varchar where the catalog's is for text and would be the worse match, each type as a domain with a check, each table and
 * view as a view. Whatever a statement leaves to be looked up there runs one of them, which shows in the log.
 *
 * @returns how many there are of each kind
 */
export async function plantEverything(
  { query }: Pick<TestDatabase, 'query'>,
  schema: string,
  role: string,
): Promise<Counts> {
  await query(`set session authorization ${role}`);
  const rows = await query<{ kind: keyof Counts; count: number }>(plantSql(schema)).finally(() =>
    query('reset session authorization'),
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count])) as Counts;
}

type Counts = Record<'function' | 'aggregate' | 'operator' | 'type' | 'relation', number>;

/** What cannot be copied (internal arguments) is left out: no statement can name it, either. The last statement counts what is there. */
const plantSql = (schema: string): string => `
do $do$
declare
  o record;
  n int := 0;
begin
  create function ${schema}.planted(what pg_catalog.text) returns pg_catalog.bool language plpgsql
    as $f$ begin raise log '${RAN} %', what; return true; end $f$;
  for o in select p.proname as name, pg_catalog.pg_get_function_identity_arguments(p.oid) as args, p.proretset as many,
                  pg_catalog.pg_get_function_result(p.oid) as result, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' as shown,
                  exists (select from pg_catalog.unnest(p.proargmodes) m where m in ('o', 'b', 't')) as outs
             from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.prokind = 'f'
            union all
           select p.proname, replace(pg_catalog.pg_get_function_identity_arguments(p.oid), 'text', 'character varying'), p.proretset,
                  pg_catalog.pg_get_function_result(p.oid), p.proname || '(character varying)', false
             from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.prokind = 'f'
              and 'text'::pg_catalog.regtype = any (p.proargtypes) loop
    begin
      execute format('create function ${schema}.%I(%s) %s language plpgsql as $f$ begin raise log ''${RAN} %%'', %L; return%s; end $f$',
        o.name, o.args, case when o.outs then '' else 'returns ' || o.result end, o.shown,
        case when o.many or o.outs or o.result = 'void' then '' else ' null' end);
    exception when others then null;
    end;
  end loop;
  for o in select p.proname as name, pg_catalog.pg_get_function_identity_arguments(p.oid) as args
             from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.prokind = 'a' and p.pronargs < 3 loop
    n := n + 1;
    begin
      execute format('create function ${schema}.planted_step_%s(int8%s) returns int8 language plpgsql as $f$ begin perform ${schema}.planted(%L); return 0; end $f$',
        n, case when o.args = '' then '' else ', ' || o.args end, o.name);
      execute format('create aggregate ${schema}.%I(%s) (sfunc = ${schema}.planted_step_%s, stype = int8, initcond = ''0'')',
        o.name, case when o.args = '' then '*' else o.args end, n);
    exception when others then null;
    end;
  end loop;
  for o in select p.oprname as name, p.oprleft, pg_catalog.format_type(p.oprleft, null) as l, pg_catalog.format_type(p.oprright, null) as r,
                  pg_catalog.format_type(p.oprresult, null) as result
             from pg_catalog.pg_operator p where p.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
            union all
           select p.oprname, p.oprleft, replace(pg_catalog.format_type(p.oprleft, null), 'text', 'character varying'),
                  replace(pg_catalog.format_type(p.oprright, null), 'text', 'character varying'), pg_catalog.format_type(p.oprresult, null)
             from pg_catalog.pg_operator p where 'text'::pg_catalog.regtype in (p.oprleft, p.oprright) loop
    n := n + 1;
    begin
      execute format('create function ${schema}.planted_operator_%s(%s) returns %s language plpgsql as $f$ begin perform ${schema}.planted(%L); return null; end $f$',
        n, case when o.oprleft = 0 then o.r else o.l || ', ' || o.r end, o.result, o.name);
      execute format('create operator ${schema}.%s (%srightarg = %s, function = ${schema}.planted_operator_%s)',
        o.name, case when o.oprleft = 0 then '' else 'leftarg = ' || o.l || ', ' end, o.r, n);
    exception when others then null;
    end;
  end loop;
  for o in select t.typname as name from pg_catalog.pg_type t
            where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.typtype in ('b', 'r', 'e') and t.typname !~ '^_' loop
    begin
      execute format('create domain ${schema}.%1$I as pg_catalog.%1$I check (${schema}.planted(%1$L))', o.name);
    exception when others then null;
    end;
  end loop;
  for o in select c.relname as name from pg_catalog.pg_class c
            where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace and c.relkind in ('r', 'v') loop
    begin
      execute format('create view ${schema}.%1$I as select * from pg_catalog.%1$I where ${schema}.planted(%1$L)', o.name);
    exception when others then null;
    end;
  end loop;
end $do$;
select kind, count(*)::int as count
  from (select case prokind when 'f' then 'function' when 'a' then 'aggregate' end as kind from pg_catalog.pg_proc
         where pronamespace = '${schema}'::regnamespace
        union all select 'operator' from pg_catalog.pg_operator where oprnamespace = '${schema}'::regnamespace
        union all select 'type' from pg_catalog.pg_type where typnamespace = '${schema}'::regnamespace and typtype = 'd'
        union all select 'relation' from pg_catalog.pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'v') as all_of_them
 group by kind`;
