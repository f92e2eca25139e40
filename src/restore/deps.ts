import type { Settings } from '../config/settings.js';
import type { TocEntry } from '../dump/toc.js';
import type { Changes } from '../kernel/changes.js';
import type { Check } from '../kernel/check.js';
import type { Clock } from '../kernel/clock.js';
import type { Progress } from '../kernel/progress.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';

/** Excludes others until it is released or its connection is lost; then `assertHeld` throws E_LOCKED. */
export interface HeldLock {
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** What a restore works with. */
export interface RestoreDeps {
  /** null if only files are restored. */
  readonly server: Server | null;
  readonly repository: Repository;
  /** Where the records of runs are stored if the repository is read-only; absent or null = in the repository. */
  readonly recordsIn?: string | null;
  /** Excludes other potctl processes from the database, on any host. */
  readonly lockDatabase: (database: string) => Promise<HeldLock>;
  /** Verifies every stored byte of a backup against its manifest. */
  readonly verify: (id: string) => Promise<{ readonly checks: readonly Check[] }>;
  /** Reads the table of contents of a dump directory. */
  readonly readToc: (dumpFolder: string) => Promise<readonly TocEntry[]>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly changes?: Changes;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Backs up the live data as a backup of kind `safety` and returns its id. Takes and releases the repository's lock itself. */
  readonly safetyBackup: (parts: { readonly database: boolean; readonly files: boolean }) => Promise<string>;
  /** Runs work that Ctrl-C must not interrupt. */
  readonly uninterrupted: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What restore and undo requests have in common: who asks, and for which target. */
export interface Asked {
  readonly runId: string;
  readonly traceId: string;
  readonly operator: string;
  readonly hostname: string;
  readonly profile: Settings['profile'];
  /** The target's database, even if only its files are involved; null = none. */
  readonly database: string | null;
  readonly expectedSystemIdentifier: string | null;
  /** Shell commands; null = none. */
  readonly stopWriters: string | null;
  readonly startWriters: string | null;
  /** How long the previous database and tree are guaranteed to be kept. */
  readonly keepOldMs: number;
  /** How long to wait for another potctl process; 0 = do not wait. */
  readonly waitMs: number;
  /** Names of accepted findings, as printed by the error that reports them. */
  readonly accept: readonly string[];
}

/** What to restore, and how. */
export interface RestoreRequest extends Asked {
  /** An id, a unique prefix of one, `latest` or `latest~N`. */
  readonly reference: string;
  /** A backup series other than the target's own, if the user named one. */
  readonly fromSet: string | null;
  readonly only: 'db' | 'files' | null;
  readonly mode: 'swap' | 'new';
  /** The new database of mode `new`. */
  readonly into: string | null;
  /** The new directory of mode `new`; null = restore no files. */
  readonly intoFiles: string | null;
  /** The live tree; null = no files. */
  readonly files: { readonly path: string; readonly excludes: readonly string[] } | null;
  readonly jobs: number;
  readonly createRoles: boolean;
  /** Restore everything that can be restored; failed objects must be accepted by name. */
  readonly continuePastErrors: boolean;
  /** Back up the live data before it is replaced. */
  readonly safetyBackup: boolean;
}
