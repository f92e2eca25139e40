import type { TableRows } from '../../catalog/manifest.js';
import { PotctlError } from '../../kernel/errors.js';
import type { Progress } from '../../kernel/progress.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteQualified } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import type { Finding } from '../../runs/accept.js';

const SHOWN_PARTITIONS = 5;

/** The result of counting. */
export interface CountedTables {
  readonly findings: readonly Finding[];
  /** The number of counted tables, and their rows. */
  readonly tables: number;
  readonly rows: number;
}

/** Where and how to count. */
export interface CountRequest {
  /** The database that `session` is on. */
  readonly name: string;
  /** The number of parallel sessions. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Counts tables in the way they were dumped and compares: with the condition of an extension's configuration table, and with all partitions
 * of a root added up, because a dump loaded through the root may distribute rows differently.
 *
 * Skips an extension's table without a stored condition, which the extension itself fills.
 *
 * @param session the first session that counts; further ones are opened on its database
 */
export async function countTables(
  server: Server,
  session: Session,
  request: CountRequest,
  tables: readonly TableRows[],
): Promise<CountedTables> {
  const units = await unitsOf(session, tables);
  const counts = units.flatMap((unit) => unit.counts);
  await countAll(server, session, request, counts);
  return {
    findings: units.flatMap(compare),
    tables: units.reduce((sum, unit) => sum + unit.tables.length, 0),
    rows: counts.reduce((sum, { found }) => sum + (found ?? 0), 0),
  };
}

/** One relation to count. */
interface Count {
  readonly name: string;
  readonly relation: string;
  readonly from: string;
  readonly expected: number;
  readonly bytes: number;
  found: number | null;
  problem: string | null;
}

/** Tables whose rows are compared as one sum: all partitions of a root, or a single table. */
interface Unit {
  readonly name: string;
  readonly tables: readonly TableRows[];
  readonly counts: readonly Count[];
}

interface Place {
  readonly kind: string | null;
  readonly rootSchema: string | null;
  readonly rootName: string | null;
  readonly ofExtension: boolean;
}

async function unitsOf(session: Session, tables: readonly TableRows[]): Promise<Unit[]> {
  const places = await readPlaces(session, tables);
  const groups = new Map<string, { table: TableRows; place: Place }[]>();
  for (const [index, table] of tables.entries()) {
    const place = places[index]!;
    if (place.ofExtension && table.condition === undefined) continue;
    const { rootSchema: schema, rootName: name } = place;
    const key = JSON.stringify(schema === null ? [table.schema, table.table] : [schema, name]);
    groups.set(key, [...(groups.get(key) ?? []), { table, place }]);
  }
  return [...groups].map(([key, members]) => {
    const [schema, name] = JSON.parse(key) as [string, string];
    return unitOf(schema, name, members);
  });
}

function unitOf(
  schema: string,
  name: string,
  members: readonly { readonly table: TableRows; readonly place: Place }[],
): Unit {
  const tables = members.map(({ table }) => table);
  // An imported dump loaded through the root names only the root: then the rows of each partition are unknown.
  const through = members.some(({ place }) => place.kind === 'p');
  const counts = through ? [countOf(wholeOf(schema, name, tables))] : tables.map(countOf);
  return { name: `${schema}.${name}`, tables, counts };
}

function wholeOf(schema: string, table: string, parts: readonly TableRows[]): TableRows {
  const sum = (key: 'count' | 'bytes'): number => parts.reduce((total, part) => total + (part[key] ?? 0), 0);
  return { schema, table, count: sum('count'), exact: true, bytes: sum('bytes'), member: null, partitioned: true };
}

const countOf = (table: TableRows): Count => ({
  name: `${table.schema}.${table.table}`,
  relation: quoteQualified(table.schema, table.table),
  from: fromOf(table),
  expected: table.count ?? 0,
  bytes: table.bytes,
  found: null,
  problem: null,
});

/** The FROM clause that selects the rows that the backup counted. */
export function fromOf({ schema, table, partitioned, condition }: TableRows): string {
  const name = quoteQualified(schema, table);
  return partitioned === true ? name : `only ${name} ${condition ?? ''}`.trimEnd();
}

/** In the order of the tables; all null for a missing table: counting it reports the error. */
async function readPlaces(session: Session, tables: readonly TableRows[]): Promise<Place[]> {
  return session.query<Place & object>(
    `select c.relkind::pg_catalog.text as kind, rn.nspname::pg_catalog.text as "rootSchema",
            r.relname::pg_catalog.text as "rootName",
            exists (select from pg_catalog.pg_depend as d
                     where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.objsubid = 0
                       and d.deptype = 'e') as "ofExtension"
       from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
            with ordinality as asked(schema, name, place)
       left join pg_catalog.pg_namespace as n on n.nspname = asked.schema
       left join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = asked.name
       left join pg_catalog.pg_class as r on r.oid = pg_catalog.pg_partition_root(c.oid)
       left join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
      order by asked.place`,
    [tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
}

async function countAll(
  server: Server,
  session: Session,
  { name, jobs, signal, progress }: CountRequest,
  counts: readonly Count[],
): Promise<void> {
  // Largest first, so that all sessions finish at about the same time.
  const waiting = [...counts].sort((a, b) => b.bytes - a.bytes).values();
  const total = counts.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const work = async (counting: Session): Promise<void> => {
    // An error is better than an incomplete count.
    await counting.query('set row_security = off');
    for (const count of waiting) {
      signal.throwIfAborted();
      await take(counting, count);
      done += count.bytes;
      progress({ kind: 'bytes', done, total });
    }
  };
  const further = Array.from({ length: Math.max(1, Math.min(jobs, counts.length)) - 1 }, () =>
    inSession(server.session({ database: name, purpose: 'restore.count', statementTimeoutMs: 0 }), work),
  );
  const counters = await Promise.allSettled([work(session), ...further]);
  const failed = counters.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function take(session: Session, count: Count): Promise<void> {
  try {
    count.found = await countRows(session, count);
  } catch (error) {
    if (!isFinding(error)) throw error;
    count.problem = `${count.name} could not be counted: ${error.message}`;
  }
}

async function countRows(session: Session, { relation, from }: Count): Promise<number> {
  // With a list of values, even an empty one, only a single statement is allowed: a stored condition cannot add a second one.
  const sql = `select pg_catalog.count(*)::pg_catalog.text as rows from ${from}`;
  try {
    return Number((await session.query<{ rows: string }>(sql, []))[0]!.rows);
  } catch (error) {
    if (!isRowSecurity(error)) throw error;
    return countPastForcedRowSecurity(session, relation, sql);
  }
}

/** FORCE ROW LEVEL SECURITY applies to the owner, who may lift it; nobody else sees this, and the rollback restores it. */
async function countPastForcedRowSecurity(session: Session, relation: string, sql: string): Promise<number> {
  await session.query('begin');
  try {
    await session.query(`alter table only ${relation} no force row level security`);
    return Number((await session.query<{ rows: string }>(sql, []))[0]!.rows);
  } finally {
    await session.query('rollback');
  }
}

function compare({ name, tables, counts }: Unit): Finding[] {
  const accept = `rows:${name}`;
  const problems = counts.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  if (problems.length > 0)
    return [{ name: accept, state: 'unknown', detail: problems.slice(0, SHOWN_PARTITIONS).join(', ') }];
  const found = counts.reduce((sum, count) => sum + count.found!, 0);
  const expected = counts.reduce((sum, count) => sum + count.expected, 0);
  if (found === expected) return [];
  const sum = `row count of ${name}: ${found} restored, ${expected} in the backup`;
  return [{ name: accept, state: 'fail', detail: tables.length === 1 ? sum : `${sum} (${partitionsOf(counts)})` }];
}

function partitionsOf(counts: readonly Count[]): string {
  const wrong = counts.filter(({ found, expected }) => found !== expected);
  const shown = wrong.slice(0, SHOWN_PARTITIONS).map(({ name, found, expected }) => `${name} ${found} of ${expected}`);
  return [...shown, ...(wrong.length > SHOWN_PARTITIONS ? ['…'] : [])].join(', ');
}

/** insufficient_privilege: with row_security off, "query would be affected by row-level security policy". */
const isRowSecurity = (error: unknown): boolean => sqlstateOf(error) === '42501';

/** A server error about one table is a finding; running out of resources or a shutdown is not. */
export const isFinding = (error: unknown): error is PotctlError =>
  error instanceof PotctlError && /^(?!53|57P|58)/.test(sqlstateOf(error) ?? '57P');
