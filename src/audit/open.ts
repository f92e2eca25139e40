import type { Base } from '../host/base.js';
import type { HistoryEntry, HistoryFilter } from '../journal/history.js';
import type { JournalReport } from '../journal/verify.js';

/** What the journal says. */
export interface Audit {
  /** Its entries, the newest first; without a filter all. */
  history(filter?: Partial<HistoryFilter>): Promise<readonly HistoryEntry[]>;
  /** Recomputes every entry outside of the server. @param anchorFile what was kept elsewhere; default: nothing */
  verify(anchorFile?: string | null): Promise<JournalReport>;
}

/** Wires what reads the journal. Nothing is opened before a use case asks for it. */
export function openAudit({ server }: Base): Audit {
  return {
    async history(filter = {}) {
      const { readHistory } = await import('../journal/history.js');
      const { operator = null, action = null, target = null, runId = null } = filter;
      return readHistory(await server(), { operator, action, target, runId });
    },
    async verify(anchorFile = null) {
      const { verifyJournal } = await import('../journal/verify.js');
      return verifyJournal(await server(), anchorFile);
    },
  };
}
