import { PotctlError } from '../kernel/errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import { quoteQualified } from '../postgres/identifiers.js';
import { countWithoutPlan } from '../postgres/planning-code.js';
import type { Session } from '../postgres/server.js';
import { readStoredIn, rewrittenSince, type StoredIn } from './stored-in.js';
import { type DumpedTable, isUnnameable } from './tables.js';

/** Row counts by the oid of the table. */
export interface RowCounts {
  readonly counts: ReadonlyMap<number, { readonly count: number; readonly exact: boolean }>;
  /** Reasons for missing counts, for the operator. */
  readonly degraded: readonly string[];
}

const NAMED = 10;

/**
 * Counts the rows of the tables in the session's snapshot, exactly or as the planner estimates them, without the rows of child tables.
 * Tables that cannot be counted are left out and reported. The transaction stays usable, and the locks of the counting are released.
 *
 * @param storedIn where the rows were stored before the snapshot, if nothing locks the tables; tables rewritten since are not counted
 * @throws E_DB_UNREACHABLE, and what aborted the session
 */
export async function countRows(
  session: Session,
  tables: readonly DumpedTable[],
  mode: 'exact' | 'estimate' | 'off',
  storedIn: StoredIn | null = null,
): Promise<RowCounts> {
  if (mode === 'off') return { counts: new Map(), degraded: [] };
  if (mode === 'estimate') return { counts: estimates(tables), degraded: [] };
  const counts = new Map<number, { count: number; exact: boolean }>();
  const failed: string[] = [];
  for (const table of tables) {
    await session.query('savepoint counting');
    const count = await countTable(session, table, storedIn).catch(ifRefused);
    // Roll back after success, too: this releases the locks on indexes, which would not fit in the lock table for hundreds of tables.
    await session.query('rollback to savepoint counting');
    if (typeof count === 'number') counts.set(table.oid, { count, exact: true });
    else failed.push(`the rows of ${quoteQualified(table.schema, table.name)} could not be counted: ${count.message}`);
  }
  const more = failed.length > NAMED ? [`the rows of ${failed.length - NAMED} more tables could not be counted`] : [];
  return { counts, degraded: [...failed.slice(0, NAMED), ...more] };
}

async function countTable(
  session: Session,
  table: DumpedTable,
  storedIn: StoredIn | null,
): Promise<number | PotctlError> {
  if (isUnnameable(table)) return new PotctlError('E_DB_QUERY', 'its name is not UTF-8 (the database is SQL_ASCII)');
  const count = await rowsOf(session, table);
  const isRewritten =
    storedIn !== null && rewrittenSince([table], storedIn, await readStoredIn(session, [table])).length > 0;
  if (isRewritten) return new PotctlError('E_DB_QUERY', 'it was truncated or rewritten during the backup');
  return count;
}

async function rowsOf(session: Session, table: DumpedTable): Promise<number> {
  const condition = table.condition ?? '';
  if (table.runsCode && condition === '') return countWithoutPlan(session, table);
  const name = quoteQualified(table.schema, table.name);
  const [row] = await session.query<{ count: string }>(
    `select pg_catalog.count(*) as count from only ${name} ${condition}`,
  );
  return Number(row!.count);
}

function ifRefused(error: unknown): PotctlError {
  if (!(error instanceof PotctlError) || error.code === 'E_DB_UNREACHABLE') throw error;
  if (sqlstateOf(error) === undefined) throw error;
  return error;
}

function estimates(tables: readonly DumpedTable[]): RowCounts['counts'] {
  return new Map(
    tables
      .filter(({ estimate }) => estimate >= 0)
      .map(({ oid, estimate }) => [oid, { count: Math.round(estimate), exact: false }]),
  );
}
