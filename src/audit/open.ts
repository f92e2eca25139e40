import type { Base } from '../host/base.js';
import type { HistoryEntry, HistoryFilter } from '../journal/history.js';
import type { JournalReport } from '../journal/verify.js';

/** The use cases that read the journal. */
export interface Audit {
  /** Returns the entries that match, newest first. Default: all. */
  history(filter?: Partial<HistoryFilter>): Promise<readonly HistoryEntry[]>;
  /** Recomputes the hash of every entry outside the server. @param anchorFile an anchor kept elsewhere; default: none */
  verify(anchorFile?: string | null): Promise<JournalReport>;
}

/** Wires the use cases that read the journal. Nothing is opened before it is needed. */
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
