import { quoteIdentifier, quoteQualified } from './identifiers.js';
import type { Session } from './server.js';

/**
 * SQL: would planning a query on the table `c` run a function of somebody who is no superuser? PostgreSQL computes what is constant in the
 * expressions and conditions of a table's indexes and statistics, also for `select count(*)`, as whoever asks: the owner of a table would have
 * a function run by a superuser who counts its rows.
 */
export const PLANNING_RUNS_CODE = `(
  exists (select from pg_catalog.pg_index x join ${callsOf('pg_class', 'x.indexrelid')}
           where x.indrelid = c.oid and (x.indexprs is not null or x.indpred is not null))
  or exists (select from pg_catalog.pg_statistic_ext x join ${callsOf('pg_statistic_ext', 'x.oid')} where x.stxrelid = c.oid))`;

/** Joins the functions of no superuser that an object calls, by themselves or as operators. */
function callsOf(catalog: string, object: string): string {
  return `pg_catalog.pg_depend d on d.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and d.objid = ${object}
         join pg_catalog.pg_proc f on f.oid = case d.refclassid
              when 'pg_catalog.pg_proc'::pg_catalog.regclass then d.refobjid
              when 'pg_catalog.pg_operator'::pg_catalog.regclass then (select o.oprcode from pg_catalog.pg_operator o where o.oid = d.refobjid) end
         join pg_catalog.pg_roles r on r.oid = f.proowner and not r.rolsuper`;
}

/** Counts the rows of one table, without those of its children, with no plan: by reading its narrowest column. */
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
