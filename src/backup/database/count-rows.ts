import { PotctlError } from '../../errors.js';
import { quoteQualified } from '../../postgres/identifiers.js';
import { countWithoutPlan } from '../../postgres/planning-code.js';
import type { Session } from '../../postgres/server.js';
import type { DumpedTable } from './tables.js';

/** By the table's oid. */
export interface RowCounts {
  readonly counts: ReadonlyMap<number, { readonly count: number; readonly exact: boolean }>;
  /** Why counts are missing, for the operator. */
  readonly degraded: readonly string[];
}

/**
 * Counts the rows of the tables in the session's snapshot, exactly or as the planner estimates them. Rows of a table's children are theirs.
 * What cannot be counted is left out and said; the transaction stays usable.
 *
 * @throws E_DB_UNREACHABLE, and what aborted the session
 */
export async function countRows(
  session: Session,
  tables: readonly DumpedTable[],
  mode: 'exact' | 'estimate' | 'off',
): Promise<RowCounts> {
  if (mode === 'off') return { counts: new Map(), degraded: [] };
  if (mode === 'estimate') return { counts: estimates(tables), degraded: [] };
  const counts = new Map<number, { count: number; exact: boolean }>();
  for (const table of tables) {
    const name = quoteQualified(table.schema, table.name);
    await session.query('savepoint counting');
    try {
      counts.set(table.oid, { count: await countTable(session, table, name), exact: true });
    } catch (error) {
      if (!(error instanceof PotctlError) || !error.code.startsWith('E_DB_') || error.code === 'E_DB_UNREACHABLE')
        throw error;
      await session.query('rollback to savepoint counting');
      return { counts, degraded: [`the rows of ${name} and what follows were not counted: ${error.message}`] };
    }
    await session.query('release savepoint counting');
  }
  return { counts, degraded: [] };
}

async function countTable(session: Session, table: DumpedTable, name: string): Promise<number> {
  const condition = table.condition ?? '';
  if (table.runsCode && condition === '') return countWithoutPlan(session, table);
  const [row] = await session.query<{ count: string }>(`select count(*) as count from only ${name} ${condition}`);
  return Number(row!.count);
}

function estimates(tables: readonly DumpedTable[]): RowCounts['counts'] {
  return new Map(
    tables
      .filter(({ estimate }) => estimate >= 0)
      .map(({ oid, estimate }) => [oid, { count: Math.round(estimate), exact: false }]),
  );
}
