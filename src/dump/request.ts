import type { DatabasePart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';
import type { Session } from '../postgres/server.js';

/** The request for a database dump. */
export interface DumpRequest {
  /** The draft's folder; `db/dump/…` and `db/globals.sql` are written below it. */
  readonly folder: string;
  readonly jobs: number;
  readonly rows: 'exact' | 'estimate' | 'off';
  /** Passed to pg_dump as --lock-wait-timeout. */
  readonly lockWaitMs: number;
  /** Query that runs in the dump's snapshot; the first column of each row is used. null = no query. */
  readonly references: string | null;
  /** Reads the anchor of potctl's journal in the dump's snapshot. */
  readonly readAnchor?: (session: Session) => Promise<DatabasePart['journal_anchor']>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}
