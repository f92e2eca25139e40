import type { TocEntry } from '../../backup/database/toc.js';
import type { DatabasePart, TableRows } from '../../backup/manifest.js';
import { PotctlError } from '../../errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteQualified } from '../../postgres/identifiers.js';
import type { Server, Session } from '../../postgres/server.js';
import type { Progress } from '../../progress.js';
import { inSession } from '../in-session.js';
import { countNotValid, type DumpedSequence, type DumpToRead, readDumpedSequences } from './definitions.js';

const SHOWN_PROBLEMS = 8;
const SEQUENCES_AT_ONCE = 100;

/** What the checks of a restored database came to. */
export interface DatabaseChecks {
  /** Tables whose rows were counted and are as many as in the backup. */
  readonly tables: number;
  readonly rows: number;
  /** Tables for which the backup has no exact count. */
  readonly notCompared: number;
  readonly sequences: number;
  readonly largeObjects: number;
}

/** What to check it with. */
export interface CheckRequest {
  readonly name: string;
  readonly part: DatabasePart;
  /** Sessions that count at the same time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** What the dump itself says. */
  readonly dump: DumpToRead;
  readonly toc: readonly TocEntry[];
}

/**
 * Compares a restored database with what its backup says: rows of every table with data, sequences, large objects; and looks for invalid
 * indexes and for constraints that are not valid although the dump made them so. A check that cannot be made is a failure.
 *
 * Not comparable: materialized views, foreign tables, members of extensions without configuration; the dump has no data of them.
 *
 * @param session on the restored database, without a limit of time
 * @throws E_RESTORE_CHECK naming the differences; E_DB_*
 */
export async function checkDatabase(server: Server, session: Session, request: CheckRequest): Promise<DatabaseChecks> {
  const { part } = request;
  const comparable = part.inventory.tables.filter(({ member }) => member !== null);
  const exact = comparable.filter(({ count, exact }) => exact && count !== null);
  const sequences =
    part.dump.format === 'plain' ? toldSequences(part) : await readDumpedSequences(request.dump, request.toc);
  const problems = [
    ...(await countTables(server, session, request, exact)),
    ...(await checkSequences(session, sequences)),
    ...(await checkLargeObjects(session, part)),
    ...(await checkIndexes(session)),
    ...(await checkConstraints(session, part, request.dump)),
  ];
  if (problems.length > 0) throw checkFailed(problems);
  return {
    tables: exact.length,
    rows: exact.reduce((sum, { count }) => sum + (count ?? 0), 0),
    notCompared: comparable.length - exact.length,
    sequences: sequences.length,
    largeObjects: part.inventory.large_objects,
  };
}

/**
 * Counts tables by several sessions at once: the given one, and further ones on its database.
 *
 * @returns what differs, in plain words
 */
export async function countTables(
  server: Server,
  session: Session,
  request: Pick<CheckRequest, 'name' | 'jobs' | 'signal' | 'progress'>,
  tables: readonly TableRows[],
): Promise<string[]> {
  const { name, jobs, signal, progress } = request;
  // The largest first: what is left for the end is small, and no session waits for another.
  const waiting = [...tables].sort((a, b) => b.bytes - a.bytes).values();
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  const problems: string[] = [];
  let done = 0;
  const count = async (counting: Session): Promise<void> => {
    // An error is better than a short count.
    await counting.query('set row_security = off');
    for (const table of waiting) {
      signal.throwIfAborted();
      problems.push(...(await countTable(counting, table)));
      done += table.bytes;
      progress({ kind: 'bytes', done, total });
    }
  };
  const further = Array.from({ length: Math.max(1, Math.min(jobs, tables.length)) - 1 }, () =>
    inSession(server.session({ database: name, purpose: 'restore.count', statementTimeoutMs: 0 }), count),
  );
  const counters = await Promise.allSettled([count(session), ...further]);
  const failed = counters.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return problems;
}

async function countTable(session: Session, { schema, table, count, partitioned }: TableRows): Promise<string[]> {
  const name = quoteQualified(schema, table);
  try {
    // A dump that was loaded through the root of partitions names the root.
    const found = await countRows(session, partitioned === true ? name : `only ${name}`);
    return found === String(count) ? [] : [`${schema}.${table} has ${found} rows, the backup ${count}`];
  } catch (error) {
    if (!isFinding(error)) throw error;
    return [`${schema}.${table} could not be counted: ${reasonOf(error)}`];
  }
}

async function countRows(session: Session, name: string): Promise<string> {
  const sql = `select count(*)::text as rows from ${name}`;
  try {
    return (await session.query<{ rows: string }>(sql))[0]!.rows;
  } catch (error) {
    if (!isRowSecurity(error)) throw error;
    return countPastForcedRowSecurity(session, name.replace(/^only /, ''), sql);
  }
}

/** The owner is bound by FORCE ROW LEVEL SECURITY, but may lift it; nobody else sees that, and the rollback puts it back. */
async function countPastForcedRowSecurity(session: Session, name: string, sql: string): Promise<string> {
  await session.query('begin');
  try {
    await session.query(`alter table only ${name} no force row level security`);
    return (await session.query<{ rows: string }>(sql))[0]!.rows;
  } finally {
    await session.query('rollback');
  }
}

async function checkSequences(session: Session, sequences: readonly DumpedSequence[]): Promise<string[]> {
  const problems: string[] = [];
  for (let from = 0; from < sequences.length; from += SEQUENCES_AT_ONCE) {
    const batch = sequences.slice(from, from + SEQUENCES_AT_ONCE);
    const selects = batch.map(
      ({ name }, index) => `select ${index} as index, last_value::text as value, is_called as called from ${name}`,
    );
    const rows = await session.query<{ index: number; value: string; called: boolean }>(selects.join(' union all '));
    for (const { index, value, called } of rows) {
      const dumped = batch[index]!;
      if (value === dumped.value && called === dumped.called) continue;
      problems.push(`the sequence ${dumped.name} is at ${value}, in the dump at ${dumped.value}`);
    }
  }
  return problems;
}

/** Where a plain dump, read as a whole, puts its sequences. */
function toldSequences({ inventory }: DatabasePart): DumpedSequence[] {
  return inventory.sequences.map(({ schema, name, last_value, is_called }) => ({
    name: quoteQualified(schema, name),
    value: last_value,
    called: is_called,
  }));
}

async function checkLargeObjects(session: Session, { inventory }: DatabasePart): Promise<string[]> {
  const [row] = await session.query<{ found: string }>('select count(*)::text as found from pg_largeobject_metadata');
  const expected = String(inventory.large_objects);
  return row!.found === expected ? [] : [`there are ${row!.found} large objects, the backup has ${expected}`];
}

/** Indexes of partitioned tables may be invalid by design, while a partition lacks its own. */
async function checkIndexes(session: Session): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select i.indexrelid::regclass::text as name
       from pg_index i
       join pg_class c on c.oid = i.indexrelid
      where not i.indisvalid and c.relkind = 'i'
      order by 1`,
  );
  return rows.map(({ name }) => `the index ${name} is not valid`);
}

async function checkConstraints(session: Session, part: DatabasePart, dump: DumpToRead): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select format('%I on %s', conname, conrelid::regclass) as name
       from pg_constraint
      where not convalidated and conrelid <> 0
      order by 1`,
  );
  if (rows.length === 0 || rows.length <= (part.inventory.not_valid ?? (await countNotValid(dump)))) return [];
  return rows.map(({ name }) => `the constraint ${name} is not validated`);
}

function checkFailed(problems: readonly string[]): PotctlError {
  const more = problems.length > SHOWN_PROBLEMS ? [`and ${problems.length - SHOWN_PROBLEMS} more`] : [];
  return new PotctlError('E_RESTORE_CHECK', 'the restored database is not what was backed up', {
    why: [...problems.slice(0, SHOWN_PROBLEMS), ...more].join('; '),
    changedDetail: 'the restored database was removed; the live one is as it was',
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** insufficient_privilege: with row_security off, "query would be affected by row-level security policy". */
const isRowSecurity = (error: unknown): boolean => sqlstateOf(error) === '42501';
/** undefined_table, invalid_schema_name, insufficient_privilege: findings of the check, not failures of the server. */
const isFinding = (error: unknown): boolean => ['42P01', '3F000', '42501'].includes(sqlstateOf(error) ?? '');
