import type { FilesPart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';

/** The request for a backup of a file tree. */
export interface FilesRequest {
  /** Absolute path of the tree. A symlink is followed once, at the root only. */
  readonly root: string;
  /** Globs relative to the root (picomatch), e.g. `tmp/**`. What restores keep in the tree is always excluded, see restore-folders.ts. */
  readonly excludes: readonly string[];
  /** The draft's folder; artifacts are written below it. */
  readonly folder: string;
  /** Environment of the children: PATH and nothing secret. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/**
 * Reads files twice, around the database's snapshot (first pass, snapshot and dump, second pass), so that a file whose row is in the dump
 * is in the backup.
 */
export interface FilesBackup {
  /** Reads the whole tree. @throws E_FILES_MISSING, E_FILES_DENIED (the root itself), E_NO_SPACE, E_TOOL_MISSING */
  firstPass(): Promise<void>;
  /**
   * Reads what is new or has changed since, retries what changes while it is read, and closes the archive. Nothing is ever removed from the
   * archive.
   */
  secondPass(): Promise<FilesPart>;
  /**
   * Returns whether a file (relative to the root) is in the backup, in any order. Valid after secondPass; used for the `references` query.
   */
  has(path: string): Promise<boolean>;
  /** Stops and closes everything; the artifacts are removed with the draft. */
  abort(): Promise<void>;
}

/** The size of a tree before it is read. */
export interface TreeEstimate {
  readonly files: number;
  readonly bytes: number;
}

/** One member of the archive, a JSON line of the list file. Text that is not UTF-8 is in `path_b64`/`target_b64`. */
export interface ListedFile {
  readonly path?: string;
  readonly path_b64?: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'fifo';
  readonly size: number;
  /** Octal permission bits, e.g. `0644`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970 as a decimal string. */
  readonly mtime_ns: string;
  /** SHA-256 of the content as an application reads it (holes are zeros); files only. */
  readonly sha256?: string;
  readonly target?: string;
  readonly target_b64?: string;
  /** A later member with the same path replaces this one. */
  readonly superseded?: true;
}
