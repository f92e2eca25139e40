import { quoteIdentifier, quoteQualified } from './identifiers.js';
import type { Session } from './server.js';

/**
 * SQL: whether planning a query on the table `c` would run a function that is not owned by a superuser. PostgreSQL evaluates constants in the
 * expressions and conditions of a table's indexes and statistics as the current role, even for `select count(*)`: the owner of a table
 * could have a superuser who counts its rows run a function.
 */
export const PLANNING_RUNS_CODE = `(
  exists (select from pg_catalog.pg_index x join ${callsOf('pg_class', 'x.indexrelid')}
           where x.indrelid = c.oid and (x.indexprs is not null or x.indpred is not null))
  or exists (select from pg_catalog.pg_statistic_ext x join ${callsOf('pg_statistic_ext', 'x.oid')} where x.stxrelid = c.oid))`;

/** Joins the functions of non-superusers that an object calls, directly or as operators. */
function callsOf(catalog: string, object: string): string {
  return `pg_catalog.pg_depend d on d.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and d.objid = ${object}
         join pg_catalog.pg_proc f on f.oid = case d.refclassid
              when 'pg_catalog.pg_proc'::pg_catalog.regclass then d.refobjid
              when 'pg_catalog.pg_operator'::pg_catalog.regclass then (select o.oprcode from pg_catalog.pg_operator o where o.oid = d.refobjid) end
         join pg_catalog.pg_roles r on r.oid = f.proowner and not r.rolsuper`;
}

/** Counts the rows of one table, without its child tables and without a query plan, by reading its narrowest column. */
export async function countWithoutPlan(
  session: Session,
  table: { oid: number; schema: string; name: string },
): Promise<number> {
  const [column] = await session.query<{ name: string }>(
    `select a.attname as name from pg_catalog.pg_attribute a
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      order by a.attlen < 0, a.attlen, a.attnum limit 1`,
    [table.oid],
  );
  const columns = column === undefined ? '' : `(${quoteIdentifier(column.name)})`;
  let rows = 0;
  for await (const batch of session.stream(`copy ${quoteQualified(table.schema, table.name)} ${columns} to stdout`))
    rows += batch.length;
  return rows;
}
