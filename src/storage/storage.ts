import type { Hashed } from './following-hash.js';

/**
 * A place where bytes rest, under keys such as `restores/a.json`. It knows nothing of backups; the {@link Layout} tells which keys appear
 * and go together. Every implementation passes test/contract/storage.ts.
 *
 * A key's top folder is made when it is missing; the folder of a group never is, so that nothing is added to a group that was removed.
 * Failures of the machine are thrown as they come (`ENOSPC`, `EACCES`; see failures.ts): the caller knows what could not be done.
 */
export interface Storage {
  /** As the operator named it, e.g. `/var/backups/potctl`; never contains credentials. */
  readonly url: string;
  /** Where a key is, for people: a path or a URL. */
  placeOf(key: string): string;

  /** false = nothing is there yet, and `create` may make it. @throws PotctlError E_REPOSITORY_FORMAT if it cannot be made there */
  isThere(): Promise<boolean>;
  /** Makes the place itself, never what it lies in; no error if it is there. */
  create(): Promise<void>;
  /** The place around this one in which `key` exists; null = none. */
  around(key: string): Promise<string | null>;

  /**
   * Stores a value, as a whole or not at all, and durably: whoever reads the key sees the old value or the new one.
   *
   * @returns size and SHA-256 of what was stored; null = the key is taken, and `create` was asked for
   */
  put(key: string, content: Content, options?: PutOptions): Promise<Hashed | null>;
  /** Adds one line durably, atomic per line: concurrent ones lose none. A line that a crash cut off is closed before it. */
  append(key: string, line: string, options?: Pick<PutOptions, 'ownedLike'>): Promise<void>;
  /**
   * Reads a value, or a part of it; follows no links.
   *
   * @returns undefined if there is none
   * @throws PotctlError E_BACKUP_CORRUPT for what is no plain file, or larger than `limit` bytes
   */
  get(key: string, options?: GetOptions): Promise<Buffer | undefined>;
  /** null if there is no such value. */
  stat(key: string): Promise<Stat | null>;
  /** Names directly below a folder (`''` = the top), of values and of folders, in no order. Fails for the top once it was there and has gone. */
  list(folder: string): Promise<string[]>;
  /** No error if there is none. */
  remove(key: string): Promise<void>;
  /** Absolute path of the value where its bytes lie on this machine; undefined elsewhere, and where there is none. */
  localFile(key: string): Promise<string | undefined>;
  /** Bytes that can be written for this user; null where the place cannot tell. */
  freeBytes(): Promise<number | null>;
  /** The present by the clock that stamps `key`, in ms since 1970: the clocks of hosts are not compared. */
  now(key: string): Promise<number>;
  /**
   * Removes what dead writers left half-written directly below a folder.
   *
   * @param isOurs is it a key (without its folder) that we would write?
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
  /** It is not needed any more: it may be renamed instead of copied. */
  readonly move?: boolean;
}

export interface PutOptions {
  /** Only if the key is free: of several that try at once, one succeeds. */
  readonly create?: boolean;
  /** Other users of the machine may read it. Default: only its owner. */
  readonly readable?: boolean;
  /** The value, and its top folder if it is made for it, belong to the owner of this folder: what root writes must not lock him out. */
  readonly ownedLike?: string;
}

export interface GetOptions {
  /** In bytes, of the whole value. */
  readonly limit?: number;
  /** First byte. Default 0. */
  readonly from?: number;
  /** At most so many bytes; fewer where the value ends. Default: to its end. */
  readonly length?: number;
}

export interface Stat {
  readonly size: number;
  /** By the clock of the storage; see {@link Storage.now}. */
  readonly modifiedMs: number;
}

/** Which keys appear and go together. */
export interface Layout {
  /** Each folder in this one is a group. */
  readonly folder: string;
  /** What else is in that folder is somebody else's. */
  readonly name: RegExp;
  /** The key, in each group, that makes it complete. */
  readonly last: string;
}

/** Values that stand for a living process: a lock, a mark. */
export interface Claims {
  /** Takes a key, if it is free. The text appears as a whole, or not at all. @returns null if it is taken */
  claim(key: string, text: string): Promise<Claim | null>;
  /**
   * Removes what stands at the key, if `isJudged` recognizes it. Of several that judged the same value, one removes it; another value that
   * was claimed meanwhile stays.
   */
  removeIf(key: string, isJudged: (text: string) => boolean): Promise<boolean>;
  /**
   * Removes what dead processes left of their attempts to claim or remove the key.
   *
   * @param isDead can tell by the text; what it cannot judge goes when it is old
   * @param nowMs see {@link Storage.now}
   */
  sweep(key: string, isDead: (text: string) => Promise<boolean>, nowMs: number): Promise<void>;
}

/** A key that was taken. */
export interface Claim {
  /** When, by the clock of the storage, in ms since 1970. */
  readonly stampedMs: number;
  /** Replaces the text by one of the same length: a sign of life. Never touches what somebody else claimed meanwhile. */
  renew(text: string): Promise<void>;
  /** Ends the signs of life; the value stays. Never rejects. */
  close(): Promise<void>;
}

/** Keys that appear together, when the last of them is put, and go together. Whoever changes groups holds a lock, or risks only his own. */
export interface Groups {
  /** The complete ones, ascending. One that lost its last key by damage may still be named. */
  names(): Promise<string[]>;
  /** `odd`: something else stands in its place. */
  stateOf(name: string): Promise<'complete' | 'absent' | 'odd'>;
  /** Begins a group that nobody sees. @returns null if there is a complete one of that name */
  begin(name: string): Promise<Staging | null>;
  /** A local folder with the values of a complete group; a place elsewhere fetches them first. */
  localFolder(name: string): Promise<LocalGroup>;
  /** Prepares to remove a group; changes nothing. @throws PotctlError E_REFUSED if something else would go with it */
  removal(name: string): Promise<GroupRemoval>;
  /**
   * Removes what dead runs had begun, and what they had begun to erase; what they had only hidden is shown again, whole: nobody knows
   * whether it was to go. The caller holds the lock.
   *
   * @param besides removes what belongs to a group elsewhere; called before the last of it goes
   * @returns where something is that cannot be removed now; it stays, unnamed, for the next time
   */
  sweep(besides: (name: string) => Promise<void>): Promise<string[]>;
}

/** A group that was begun. */
export interface Staging {
  /** Absolute path of a folder of this machine: the files below it become the values of the group. */
  readonly folder: string;
  /**
   * Makes all values durable and read-only, the layout's last one last, and shows the group in one step. After a failure nothing is seen.
   *
   * @param texts further values, by their names; the layout's last key is one of them
   * @param confirm is called once, right before the group is seen; what it throws stops that
   * @throws PotctlError E_IO if there is anything else than plain files
   */
  commit(texts: Readonly<Record<string, string>>, confirm: () => Promise<void>): Promise<void>;
  /** Removes everything. */
  discard(): Promise<void>;
}

export interface LocalGroup {
  readonly folder: string;
  /** The first name below it that is neither a plain file nor a folder; null = none. */
  readonly odd: string | null;
}

/** The steps in which a group goes. */
export interface GroupRemoval {
  /** Where its bytes are once it is hidden, for people. */
  readonly place: string;
  /** Takes it out of `names` in one step. @returns under which folder its keys are now */
  hide(): Promise<string>;
  /** Takes `hide` back. */
  show(): Promise<void>;
  /** Makes `hide` durable and removes the last key, then what `besides` removes, then all other bytes. As long as it has it, it can be shown. */
  erase(besides: () => Promise<void>): Promise<void>;
}
