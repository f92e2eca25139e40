import type { DatabasePart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';
import type { Session } from '../postgres/server.js';

/** What a database dump is asked for. */
export interface DumpRequest {
  /** The draft's folder; `db/dump/…` and `db/globals.sql` are written below it. */
  readonly folder: string;
  readonly jobs: number;
  readonly rows: 'exact' | 'estimate' | 'off';
  /** For pg_dump's --lock-wait-timeout. */
  readonly lockWaitMs: number;
  /** Read in the dump's own snapshot: first column of each row. null = no query. */
  readonly references: string | null;
  /** Reads the anchor of potctl's journal in the dump's own snapshot. */
  readonly readAnchor?: (session: Session) => Promise<DatabasePart['journal_anchor']>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}
