import type { Hashed } from './following-hash.js';

/**
 * A place where bytes are stored under keys such as `restores/a.json`. It knows nothing about backups; the {@link Layout} says which keys
 * appear and disappear together. Every implementation passes test/contract/storage.ts.
 *
 * The top folder of a key is created if it is missing; the folder of a group never is, so that nothing is added to a removed group.
 * Failures of the machine are thrown unchanged (`ENOSPC`, `EACCES`; see failures.ts), because the caller knows what could not be done.
 */
export interface Storage {
  /** The location that the operator named, e.g. `/var/backups/potctl`; never contains credentials. */
  readonly url: string;
  /** Returns the path or URL of a key, for messages. */
  placeOf(key: string): string;

  /**
   * Returns whether the place exists; false = `create` may create it. @throws PotctlError E_REPOSITORY_FORMAT if it cannot be created there
   */
  isThere(): Promise<boolean>;
  /** Creates the place itself, never its parents; no error if it exists. */
  create(): Promise<void>;
  /** Returns the enclosing place in which `key` exists; null = none. */
  around(key: string): Promise<string | null>;

  /**
   * Stores a value atomically and durably: readers see the old value or the new one.
   *
   * @returns size and SHA-256 of what was stored; null = `create` was set, and the key is taken
   */
  put(key: string, content: Content, options?: PutOptions): Promise<Hashed | null>;
  /** Appends one line durably, atomic per line: concurrent appends lose nothing. A line truncated by a crash is ended first. */
  append(key: string, line: string, options?: Pick<PutOptions, 'ownedLike'>): Promise<void>;
  /**
   * Reads a value or a part of it; follows no links.
   *
   * @returns undefined if there is none
   * @throws PotctlError E_BACKUP_CORRUPT for what is not a regular file, or larger than `limit` bytes
   */
  get(key: string, options?: GetOptions): Promise<Buffer | undefined>;
  /** Returns size and time of a value; null if there is none. */
  stat(key: string): Promise<Stat | null>;
  /**
   * Returns the names of values and folders directly below a folder (`''` = the top), in no order. Fails for the top if it existed before
   * and is gone.
   */
  list(folder: string): Promise<string[]>;
  /** Removes a value; no error if there is none. */
  remove(key: string): Promise<void>;
  /** Returns the absolute path of a value that is stored on this machine; undefined if it is not, or does not exist. */
  localFile(key: string): Promise<string | undefined>;
  /** Returns the bytes that this user can write; null if unknown. */
  freeBytes(): Promise<number | null>;
  /** Returns the present by the clock that stamps `key`, in ms since 1970: clocks of hosts are not compared. */
  now(key: string): Promise<number>;
  /**
   * Removes half-written files of dead writers directly below a folder.
   *
   * @param isOurs whether a key (without its folder) is one that we write
   * @param nowMs see {@link now}
   */
  tidy(folder: string, isOurs: (name: string) => boolean, nowMs: number): Promise<void>;

  readonly claims: Claims;
  readonly groups: Groups;
}

/** Text, bytes, a stream of bytes, or a file of this machine. */
export type Content = string | Uint8Array | AsyncIterable<Uint8Array> | LocalFile;

export interface LocalFile {
  readonly file: string;
  /** The file is no longer needed: it may be renamed instead of copied. */
  readonly move?: boolean;
}

export interface PutOptions {
  /** Only if the key is free: of several concurrent attempts, one succeeds. */
  readonly create?: boolean;
  /** Readable by other users of the machine. Default: only by its owner. */
  readonly readable?: boolean;
  /** The value, and its top folder if it is created, get the owner of this folder: root must not lock that user out. */
  readonly ownedLike?: string;
}

export interface GetOptions {
  /** Maximum size of the whole value, in bytes. */
  readonly limit?: number;
  /** First byte. Default 0. */
  readonly from?: number;
  /** Maximum number of bytes to read. Default: up to the end. */
  readonly length?: number;
}

export interface Stat {
  readonly size: number;
  /** By the clock of the storage; see {@link Storage.now}. */
  readonly modifiedMs: number;
}

/** Which keys appear and disappear together. */
export interface Layout {
  /** Each folder in this one is a group. */
  readonly folder: string;
  /** Names of groups; anything else in that folder belongs to others. */
  readonly name: RegExp;
  /** The key that completes each group. */
  readonly last: string;
}

/** Values that represent a living process: a lock, a mark. */
export interface Claims {
  /** Takes a key if it is free. The text appears completely, or not at all. @returns null if it is taken */
  claim(key: string, text: string): Promise<Claim | null>;
  /**
   * Removes the value of a key if `isJudged` accepts it. Of several processes that accepted the same value, one removes it; another value
   * claimed meanwhile stays.
   */
  removeIf(key: string, isJudged: (text: string) => boolean): Promise<boolean>;
  /**
   * Removes remains of dead processes that tried to claim or remove the key.
   *
   * @param isDead judges by the text; what it cannot judge is removed when it is old
   * @param nowMs see {@link Storage.now}
   */
  sweep(key: string, isDead: (text: string) => Promise<boolean>, nowMs: number): Promise<void>;
}

/** A claimed key. */
export interface Claim {
  /** The time of the claim by the clock of the storage, in ms since 1970. */
  readonly stampedMs: number;
  /** Replaces the text by one of the same length, as a heartbeat. Never touches what somebody else claimed meanwhile. */
  renew(text: string): Promise<void>;
  /** Ends the heartbeat; the value stays. Never rejects. */
  close(): Promise<void>;
}

/**
 * Keys that appear together with the last of them, and are removed together. Callers that change groups hold a lock, or risk only their
 * own.
 */
export interface Groups {
  /** Returns the names of complete groups, ascending. One that lost its last key by damage may still be listed. */
  names(): Promise<string[]>;
  /** Returns the state of a group. `odd`: something else has its name. */
  stateOf(name: string): Promise<'complete' | 'absent' | 'odd'>;
  /** Starts an invisible group. @returns null if a complete one with that name exists */
  begin(name: string): Promise<Staging | null>;
  /** Returns a local folder with the values of a complete group; a remote storage fetches them first. */
  localFolder(name: string): Promise<LocalGroup>;
  /** Prepares the removal of a group; changes nothing. @throws PotctlError E_REFUSED if it contains something that must not be removed */
  removal(name: string): Promise<GroupRemoval>;
  /**
   * Removes what dead runs started, and what they had started to erase; groups that were only hidden are shown again, because it is unknown
   * whether they should be removed. The caller holds the lock.
   *
   * @param besides removes what belongs to a group elsewhere; called before the rest is removed
   * @returns paths that cannot be removed now; they stay, unlisted, for the next sweep
   */
  sweep(besides: (name: string) => Promise<void>): Promise<string[]>;
}

/** A group that was started. */
export interface Staging {
  /** Absolute path of a local folder: the files below it become the values of the group. */
  readonly folder: string;
  /**
   * Makes all values durable and read-only, the last key of the layout last, and shows the group in one step. After a failure nothing is
   * visible.
   *
   * @param texts further values, by their names, including the last key of the layout
   * @param confirm called once, right before the group becomes visible; an exception prevents that
   * @throws PotctlError E_IO if there is anything but regular files
   */
  commit(texts: Readonly<Record<string, string>>, confirm: () => Promise<void>): Promise<void>;
  /** Removes everything. */
  discard(): Promise<void>;
}

export interface LocalGroup {
  readonly folder: string;
  /** The first name below it that is neither a regular file nor a folder; null = none. */
  readonly odd: string | null;
}

/** The steps of removing a group. */
export interface GroupRemoval {
  /** Where its bytes are while it is hidden, for messages. */
  readonly place: string;
  /** Removes it from `names` in one step. @returns the folder of its keys afterwards */
  hide(): Promise<string>;
  /** Undoes `hide`. */
  show(): Promise<void>;
  /**
   * Makes `hide` durable, then removes the last key, then calls `besides`, then removes all other bytes. The group can be shown again while
   * it has its last key.
   */
  erase(besides: () => Promise<void>): Promise<void>;
}
