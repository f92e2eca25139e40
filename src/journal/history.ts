import type { Server } from '../postgres/server.js';
import { type JournalRow, ROW_COLUMNS } from './entry.js';
import { requireJournal } from './installed.js';

/** One entry of the journal, its details as an object. */
export type HistoryEntry = Omit<JournalRow, 'details'> & { readonly details: Readonly<Record<string, unknown>> };

/** Which entries to return; null = any. */
export interface HistoryFilter {
  readonly operator: string | null;
  readonly action: string | null;
  readonly target: string | null;
  readonly runId: string | null;
}

/**
 * Reads the entries of the journal, newest first.
 *
 * @throws E_SETUP_MISSING, E_SETUP_NEWER, E_DB_DENIED, E_DB_*
 */
export async function readHistory(server: Server, filter: HistoryFilter): Promise<HistoryEntry[]> {
  const session = await server.session({ purpose: 'history' });
  try {
    await requireJournal(session);
    const rows = await session.query<JournalRow>(
      `select ${ROW_COLUMNS} from potctl.journal
        where ($1::text is null or operator = $1 or db_role = $1) and ($2::text is null or action = $2)
          and ($3::text is null or target = $3) and ($4::text is null or run_id = $4)
        order by potctl.journal.seq desc`,
      [filter.operator, filter.action, filter.target, filter.runId],
    );
    return rows.map(({ details, ...row }) => ({ ...row, details: JSON.parse(details) }));
  } finally {
    await session.close();
  }
}
