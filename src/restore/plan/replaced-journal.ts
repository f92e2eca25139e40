import { type Anchor, readAnchor } from '../../journal/anchor.js';
import { counted } from '../../kernel/counted.js';
import { inSession } from '../../postgres/in-session.js';
import { PLANNING_RUNS_CODE } from '../../postgres/planning-code.js';
import type { Server } from '../../postgres/server.js';
import type { ObservedLoss } from './observe-loss.js';

/** A swap replaces the live database's journal, too. */
export interface ReplacedJournal {
  /** Entries of the live journal; null = not counted. */
  readonly entriesNow: number | null;
  /** Entries of the journal that becomes live; null = not counted, or there is none. */
  readonly entriesThen: number | null;
  /** The database that becomes live has no journal. */
  readonly removed: boolean;
}

/** Whether a restore would replace the live journal by another one; null = no, or the live database has none. Pure. */
export function replacedByBackup({ tables }: ObservedLoss): ReplacedJournal | null {
  const journal = tables.find(({ schema, table }) => schema === 'potctl' && table === 'journal');
  if (journal === undefined) return null;
  const { rowsNow, rowsInBackup, inBackup, writtenSince, exact } = journal;
  if (exact && rowsNow === rowsInBackup && (writtenSince ?? 0) === 0) return null;
  return { entriesNow: exact ? rowsNow : null, entriesThen: rowsInBackup, removed: !inBackup };
}

/** The same for the swap of two databases of the server. What cannot be read is not counted. */
export async function replacedByDatabase(server: Server, live: string, next: string): Promise<ReplacedJournal | null> {
  const [now, then] = [await lookAt(server, live), await lookAt(server, next)];
  if (now === null || (now.last !== null && now.last.hash === then?.last?.hash)) return null;
  return { entriesNow: entries(now), entriesThen: then && entries(then), removed: then === null };
}

/** The warning of the plan. @param whose `the backup's`, … */
export function journalWarning({ entriesNow, entriesThen, removed }: ReplacedJournal, whose: string): string {
  const now = entriesNow === null ? 'entries not counted' : counted(entriesNow, 'entry');
  const then = removed ? 'none' : entriesThen === null ? 'entries not counted' : counted(entriesThen, 'entry');
  return `the journal in schema potctl (${now}) is replaced by ${whose} (${then}); the current one stays in the previous database`;
}

interface SeenJournal {
  /** null = empty, or not readable. */
  readonly last: Anchor | null;
  readonly isReadable: boolean;
}

/** Entries are numbered from 1 without gaps. */
const entries = ({ last, isReadable }: SeenJournal): number | null => (isReadable ? Number(last?.seq ?? 0) : null);

async function lookAt(server: Server, database: string): Promise<SeenJournal | null> {
  const opening = server.session({ database, purpose: 'restore.plan', statementTimeoutMs: TIMEOUT_MS });
  const looking = inSession(opening, async (session) => {
    const [found] = await session.query<{ readable: boolean }>(
      `select not ${PLANNING_RUNS_CODE} and not c.relrowsecurity
              and pg_catalog.has_table_privilege(c.oid, 'select') and pg_catalog.has_schema_privilege(n.oid, 'usage') as readable
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'potctl' and c.relname = 'journal' and c.relkind = 'r'`,
    );
    if (found === undefined) return null;
    return { isReadable: found.readable, last: found.readable ? await readAnchor(session) : null };
  });
  return looking.catch(() => ({ isReadable: false, last: null }));
}

const TIMEOUT_MS = 1_000;
