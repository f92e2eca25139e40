import type { Settings } from '../config/settings.js';
import type { TocEntry } from '../dump/toc.js';
import type { Changes } from '../kernel/changes.js';
import type { Check } from '../kernel/check.js';
import type { Clock } from '../kernel/clock.js';
import type { Progress } from '../kernel/progress.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';

/** Excludes others until it is released, or until its connection is lost: `assertHeld` throws E_LOCKED then. */
export interface HeldLock {
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** What a restore works with; every power that it uses is here. */
export interface RestoreDeps {
  /** null where only files are restored. */
  readonly server: Server | null;
  readonly repository: Repository;
  /** Where the records of runs go when the repository cannot be written to; absent or null = into the repository. */
  readonly recordsIn?: string | null;
  /** Excludes other potctls from the database, on whatever host. */
  readonly lockDatabase: (database: string) => Promise<HeldLock>;
  /** Checks every stored byte of a backup against its manifest. */
  readonly verify: (id: string) => Promise<{ readonly checks: readonly Check[] }>;
  /** Reads the table of contents of a dump directory. */
  readonly readToc: (dumpFolder: string) => Promise<readonly TocEntry[]>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly changes?: Changes;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Backs up what is live, as a backup of kind `safety`; its id. Takes and releases the repository's lock itself. */
  readonly safetyBackup: (parts: { readonly database: boolean; readonly files: boolean }) => Promise<string>;
  /** Runs what must not be cut in two by Ctrl-C. */
  readonly uninterrupted: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Who asks, on which target: the same for restore and undo. */
export interface Asked {
  readonly runId: string;
  readonly traceId: string;
  readonly operator: string;
  readonly hostname: string;
  readonly profile: Settings['profile'];
  /** The target's database, also where only its files take part; null = none. */
  readonly database: string | null;
  readonly expectedSystemIdentifier: string | null;
  /** Shell lines; null = none. */
  readonly stopWriters: string | null;
  readonly startWriters: string | null;
  /** How long the replaced database and tree are promised to be kept. */
  readonly keepOldMs: number;
  /** How long to wait for another potctl, 0 = not at all. */
  readonly waitMs: number;
  /** What may speak against it, each by the name that the refusal gives it. */
  readonly accept: readonly string[];
}

/** What to restore, and how. */
export interface RestoreRequest extends Asked {
  /** An id, a unique beginning of one, `latest` or `latest~N`. */
  readonly reference: string;
  /** Another set than the target's own, named on purpose. */
  readonly fromSet: string | null;
  readonly only: 'db' | 'files' | null;
  readonly mode: 'swap' | 'new';
  /** The new database of mode `new`. */
  readonly into: string | null;
  /** The new directory of mode `new`; null = no files then. */
  readonly intoFiles: string | null;
  /** The live tree; null = no files. */
  readonly files: { readonly path: string; readonly excludes: readonly string[] } | null;
  readonly jobs: number;
  readonly createRoles: boolean;
  /** Restore what can be restored; what fails must be accepted by name. */
  readonly continuePastErrors: boolean;
  /** Back up what is live before it is replaced. */
  readonly safetyBackup: boolean;
}
