/**
 * A place where backups are stored. It knows ids, names and bytes, but not dumps or manifests.
 * Every implementation passes test/contract/repository.ts.
 */
export interface Repository {
  /** The name that the operator uses: the key in the profile, or the path. */
  readonly name: string;
  /** The location for messages and manifests, e.g. `/var/backups/potctl`; never contains credentials. */
  readonly url: string;

  /** Returns whether the repository exists. If not, reading calls throw E_REPOSITORY_FORMAT and changing calls create it. */
  exists(): Promise<boolean>;
  /** Returns the ids of published backups, ascending; without unfinished ones and foreign files. */
  list(): Promise<string[]>;
  /**
   * Reads a file of a backup, up to 64 MiB. @throws PotctlError E_BACKUP_NOT_FOUND if the backup has no such file, E_BACKUP_CORRUPT if it
   * is a link or not a regular file
   */
  readText(id: string, file: string): Promise<string>;
  /**
   * Returns a local folder with the published artifacts of `id`, all of them regular files. A remote repository fetches them first.
   * @throws PotctlError E_BACKUP_NOT_FOUND; E_BACKUP_CORRUPT if there is a symbolic link or a special file among them
   */
  artifacts(id: string): Promise<string>;
  /**
   * Only for backups of other programs, whose manifests are incomplete until they are read: reads one completely.
   * @throws PotctlError E_BACKUP_NOT_FOUND, E_BACKUP_CORRUPT
   */
  complete?(id: string): Promise<void>;
  /** Appends one JSON line to the events of the backup and their copies; atomic per line. */
  appendEvent(id: string, event: BackupEvent): Promise<void>;
  /** Returns the merged events of all copies; damaged lines are omitted and reported. */
  events(id: string): Promise<EventLog>;

  /** Starts a backup that is not listed until `publish`. The caller holds the lock. */
  draft(id: string): Promise<Draft>;
  /** Returns the bytes that this user can write; null if unknown. */
  freeBytes(): Promise<number | null>;

  /**
   * Locks the repository: one lease with a heartbeat per repository. Waits up to `waitMs` (0 = not at all). Then removes what dead runs
   * left unfinished (`*.partial`, `*.tombstone`); a `*.tombstone` with its manifest is listed again.
   * @throws PotctlError E_LOCKED naming host, pid, command and since
   */
  lock(request: LockRequest): Promise<Lease>;

  /** Returns whether the run may hold the lock. false is certain: the lock is free, belongs to another run, or to a dead process. */
  isAtWork(runId: string): Promise<boolean>;

  /**
   * Marks a backup as being read, so that nobody removes it meanwhile; requires no lock. If no mark can be written (read-only, full), the
   * backup is read without one.
   * @param command what the reader does, e.g. `backup verify`; shown to anybody who wants to remove it
   * @throws PotctlError E_BACKUP_NOT_FOUND
   */
  hold(id: string, command: string): Promise<Hold>;
  /** Returns which backups are being read, by whom (`backup verify by ana@ops1`). Marks of dead readers are ignored. */
  held(): Promise<ReadonlyMap<string, string>>;
  /**
   * Removes a backup permanently. It leaves the list in one step; then its data is removed, the manifest first. After an interruption the
   * rest is unlisted until the lock is taken next: with its manifest it is listed again, without it is removed. The caller holds the lock.
   *
   * @param reason why, for the backup's events
   * @param seenEvents number of events known to the caller; a later event (a pin) keeps the backup
   * @throws PotctlError E_LOCKED if it is being read or has a newer event, and nothing changes; E_BACKUP_NOT_FOUND; E_FILES_DENIED, E_IO
   */
  remove(id: string, reason: string, seenEvents?: number | null): Promise<void>;

  /** Stores a small named document, e.g. `restores/<run>.json`; replaces it atomically and durably. */
  putDocument(name: string, text: string): Promise<void>;
  /** Returns a document; undefined if there is none. */
  getDocument(name: string): Promise<string | undefined>;
  /** Returns full names (`restores/<run>.json`), ascending. */
  listDocuments(folder: string): Promise<string[]>;
}

/** An unfinished backup: a local folder that is not listed until it is published. */
export interface Draft {
  readonly id: string;
  /** Absolute path of a folder; artifacts are written below it. */
  readonly folder: string;
  /**
   * Syncs everything, makes the artifacts read-only (0400), writes `manifest` as manifest.json with its hash, and lists the backup in one
   * step. After a failure nothing is listed, and the draft is discarded.
   * @throws PotctlError E_NO_SPACE, E_FILES_DENIED, E_IO; E_LOCKED if the lock of the repository was lost meanwhile
   */
  publish(manifest: string): Promise<void>;
  /** Removes everything; safe to call twice and after publish (then it does nothing). */
  discard(): Promise<void>;
}

export interface LockRequest {
  /** What the holder does, e.g. `backup create`; shown to others that wait. */
  readonly command: string;
  readonly runId: string;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** A mark on a backup that is being read. */
export interface Hold {
  /** Never rejects; safe to call twice. */
  release(): Promise<void>;
}

export interface Lease {
  /** Throws E_LOCKED if another process took over the lock (this process was silent for too long): stop writing then. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** The history of a backup. */
export interface EventLog {
  /** Oldest first. */
  readonly events: readonly BackupEvent[];
  /** null = every line is undamaged. */
  readonly damage: EventDamage | null;
}

/** Damage to the files with the events of a backup. */
export interface EventDamage {
  /** A description, e.g. `events.ndjson lacks 2 lines that its copy has`. */
  readonly text: string;
  /** No copy is complete: a pin may be lost. */
  readonly lost: boolean;
}

/** One line of events.ndjson. `at` is RFC 3339 UTC. */
export type BackupEvent = { readonly at: string; readonly by: string } & (
  | {
      readonly type: 'verify';
      readonly level: 'quick' | 'full';
      readonly ok: boolean;
      readonly problems: readonly string[];
    }
  | {
      readonly type: 'restore';
      readonly run: string;
      readonly target: string;
      readonly ok: boolean;
      readonly duration_ms: number;
      /** The parts that were restored completely; missing in older lines: all parts of the backup. */
      readonly parts?: readonly ('database' | 'files')[];
    }
  /** Protected from retention until then; null = until `unpin`. */
  | { readonly type: 'pin'; readonly reason: string; readonly until: string | null }
  | { readonly type: 'unpin'; readonly reason: string | null }
  /** The removal was started. */
  | { readonly type: 'tombstone'; readonly reason: string }
);
