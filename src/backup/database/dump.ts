import type { Progress } from '../../progress.js';
import type { DatabasePart, Manifest } from '../manifest.js';

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
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** The dump on disk, and what its own snapshot said. */
export interface DumpResult {
  readonly part: DatabasePart;
  readonly snapshot: NonNullable<Manifest['snapshot']>;
  /** Local file with one JSON string per line: what the references query returned; null without a query. */
  readonly referencedList: string | null;
  /** Reasons for `degraded`, e.g. a row count that could not be taken. */
  readonly degraded: readonly string[];
}
