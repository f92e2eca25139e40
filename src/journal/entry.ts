import { PotctlError } from '../kernel/errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import type { Session } from '../postgres/server.js';

/** One row of the journal as it is hashed, with texts exactly as the server prints them. */
export interface JournalRow {
  /** int8 as text, from 1 without gaps. */
  readonly seq: string;
  /** RFC 3339 UTC with microseconds. */
  readonly at: string;
  /** The database role of the session, as authenticated by the server. */
  readonly db_role: string;
  /** The operator, as claimed. */
  readonly operator: string;
  readonly action: string;
  readonly target: string | null;
  readonly reason: string;
  readonly ticket: string | null;
  readonly status: string;
  readonly run_id: string | null;
  readonly trace_id: string | null;
  /** The text of the jsonb. */
  readonly details: string;
}

/** What a change appends to the journal in its transaction. */
export interface JournalEntry {
  readonly operator: string;
  readonly action: string;
  readonly target: string | null;
  readonly reason: string;
  readonly ticket: string | null;
  readonly status: 'done' | 'refused' | 'failed';
  readonly runId: string;
  readonly traceId: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The columns of {@link JournalRow}, for a select. */
export const ROW_COLUMNS = `seq::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, db_role, operator,
  action, target, reason, ticket, status, run_id, trace_id, details::text as details`;

/** SQLSTATE that `potctl.audit_append` raises if it cannot read back the entry it wrote. */
const DROPPED = 'PC001';

/**
 * Appends to the journal in the session's transaction, so that entry and change are committed together or not at all.
 *
 * @returns the entry's number
 * @throws E_DB_DENIED (no right to append), E_DB_QUERY (no journal, an empty reason, a field that is too long), E_NOT_KEPT (a rule or trigger
 * discarded the entry)
 */
export async function appendEntry(session: Session, entry: JournalEntry): Promise<string> {
  const { operator, action, target, reason, ticket, status, runId, traceId, details } = entry;
  const [row] = await session
    .query<{ seq: string }>('select potctl.audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)::text as seq', [
      operator,
      action,
      target,
      reason,
      ticket,
      status,
      runId,
      traceId,
      JSON.stringify(details),
    ])
    .catch((error: unknown) => {
      if (sqlstateOf(error) !== DROPPED) throw error;
      throw new PotctlError('E_NOT_KEPT', 'the journal entry was not stored', {
        why: 'a rule or trigger on potctl.journal discarded it, and potctl changes nothing without a journal entry',
        fix: ['Find it with `\\d+ potctl.journal` in psql, and ask the owner of the schema to drop it.'],
        cause: error,
      });
    });
  return row!.seq;
}
