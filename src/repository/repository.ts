/**
 * A place where backups rest. It knows ids, names and bytes, and nothing of dumps or manifests.
 * Every implementation passes test/contract/repository.ts.
 */
export interface Repository {
  /** As the operator names it: the key in the profile, or the path. */
  readonly name: string;
  /** For people and manifests, e.g. `/var/backups/potctl`; never contains credentials. */
  readonly url: string;

  /** Has anything been written here yet? If not, the reading calls below throw E_REPOSITORY_FORMAT, and the changing ones create it. */
  exists(): Promise<boolean>;
  /** Ids of published backups, ascending; unfinished ones and foreign files are not listed. */
  list(): Promise<string[]>;
  /** At most 64 MiB. @throws PotctlError E_BACKUP_NOT_FOUND if the backup lacks that file, E_BACKUP_CORRUPT if it is a link or no file */
  readText(id: string, file: string): Promise<string>;
  /**
   * A local folder that holds the published artefacts of `id`, plain files all. A remote repository fetches them first.
   * @throws PotctlError E_BACKUP_NOT_FOUND; E_BACKUP_CORRUPT if there is a symbolic link or a special file among them
   */
  artefacts(id: string): Promise<string>;
  /**
   * Only where backups are described by somebody else's words until they were read: reads one to its end, so that its manifest says all.
   * @throws PotctlError E_BACKUP_NOT_FOUND, E_BACKUP_CORRUPT
   */
  complete?(id: string): Promise<void>;
  /** Appends one JSON line to the backup's events, and to their copy; atomic per line. */
  appendEvent(id: string, event: BackupEvent): Promise<void>;
  /** What both copies of the backup's events hold together; damaged lines are left out, and told. */
  events(id: string): Promise<EventLog>;

  /** Starts a backup that nobody sees until `publish`. The caller holds the lock. */
  draft(id: string): Promise<Draft>;
  /** Bytes that can be written for this user; null where the place cannot tell. */
  freeBytes(): Promise<number | null>;

  /**
   * One lock per repository: a lease with a heartbeat. Waits up to `waitMs` (0 = not at all).
   * Once it is held, what dead runs left unfinished (`*.partial`, `*.tombstone`) is swept; a `*.tombstone` with its manifest is a backup again.
   * @throws PotctlError E_LOCKED naming host, pid, command and since
   */
  lock(request: LockRequest): Promise<Lease>;

  /** Does the run hold the lock, or may it? false is certain: the lock is free, somebody else's, or that of a dead process. */
  isAtWork(runId: string): Promise<boolean>;

  /**
   * Marks a backup as being read, so that nobody removes it meanwhile; needs no lock. Where no mark can be written (read-only, full) the
   * backup is read without one.
   * @param command what the reader does, e.g. `backup verify`; shown to whoever wants to remove it
   * @throws PotctlError E_BACKUP_NOT_FOUND
   */
  hold(id: string, command: string): Promise<Hold>;
  /** Which backups are being read, by whom (`backup verify by ana@ops1`). Marks of dead readers do not count. */
  held(): Promise<ReadonlyMap<string, string>>;
  /**
   * Removes a backup for ever. It goes out of the list in one step; then its bytes go, the manifest first. What an interruption leaves of
   * it is unlisted until the lock is taken next: with its manifest it is listed again, without it is swept. The caller holds the lock.
   *
   * @param reason why, for the backup's events
   * @param seenEvents how many events the caller's decision rests on; an event that came since (a pin) keeps the backup
   * @throws PotctlError E_LOCKED if it is being read or has a newer event: it stays as it was; E_BACKUP_NOT_FOUND; E_FILES_DENIED, E_IO
   */
  remove(id: string, reason: string, seenEvents?: number | null): Promise<void>;

  /** Small named documents beside the backups, e.g. `restores/<run>.json`; `put` replaces atomically and durably. */
  putDocument(name: string, text: string): Promise<void>;
  /** undefined if there is none. */
  getDocument(name: string): Promise<string | undefined>;
  /** Whole names (`restores/<run>.json`), ascending. */
  listDocuments(folder: string): Promise<string[]>;
}

/** An unfinished backup: a local folder that is invisible until published. */
export interface Draft {
  readonly id: string;
  /** Absolute path of a folder; artefacts are written below it. */
  readonly folder: string;
  /**
   * Makes all bytes durable, artefacts read-only (0400), writes `manifest` as manifest.json and its hash beside it, and makes the
   * backup visible in one step. After a failure nothing is visible, and the draft is discarded.
   * @throws PotctlError E_NO_SPACE, E_FILES_DENIED, E_IO; E_LOCKED if the repository's lock was lost meanwhile
   */
  publish(manifest: string): Promise<void>;
  /** Removes everything; safe to call twice and after publish (then it does nothing). */
  discard(): Promise<void>;
}

export interface LockRequest {
  /** What the holder does, e.g. `backup create`; shown to whoever waits. */
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
  /** Throws E_LOCKED if somebody took the lock over (this process was silent for too long): the holder must stop writing. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** The history of a backup. */
export interface EventLog {
  /** Oldest first. */
  readonly events: readonly BackupEvent[];
  /** null = every line is as it was written. */
  readonly damage: EventDamage | null;
}

/** What is wrong with the files that hold a backup's events. */
export interface EventDamage {
  /** For people, e.g. `events.ndjson lacks 2 lines that its copy has`. */
  readonly text: string;
  /** No copy is whole: a pin may be lost, and nobody can tell. */
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
      /** What was restored as a whole; missing in older lines: all that the backup has. */
      readonly parts?: readonly ('database' | 'files')[];
    }
  /** Retention leaves it alone until then; null = until `unpin`. */
  | { readonly type: 'pin'; readonly reason: string; readonly until: string | null }
  | { readonly type: 'unpin'; readonly reason: string | null }
  /** It was about to be removed. */
  | { readonly type: 'tombstone'; readonly reason: string }
);
