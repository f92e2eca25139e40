import type { Buffer } from 'node:buffer';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { applyAttributes, flushFileSystem, readAttributes } from './attributes.js';
import { type DiskPath, type Name, nameOf, ownName } from './names.js';

/** An entry of a folder. */
export interface DiskEntry {
  readonly name: Name;
  readonly directory: boolean;
}

/**
 * Every disk operation of the swap, each a single system call or durable write. All changes go through this interface, so that a test can
 * stop the swap after any of them. Synchronous: a rename takes 5 µs, a trip through the thread pool ten times as long.
 */
export interface TreeDisk {
  list(folder: DiskPath): DiskEntry[];
  /** lstat; null if nothing is there. */
  look(path: DiskPath): Stats | null;
  read(file: DiskPath): string;
  rename(from: DiskPath, to: DiskPath): void;
  link(from: DiskPath, to: DiskPath): void;
  unlink(path: DiskPath): void;
  makeFolder(path: DiskPath, mode: number): void;
  removeFolder(path: DiskPath): void;
  chmod(path: DiskPath, mode: number): void;
  /** Writes and fsyncs a file. Replacing an existing file is not atomic: publish it with `rename`. */
  write(file: DiskPath, text: string): void;
  /** Appends and fsyncs. */
  append(file: DiskPath, text: string): void;
  /** Makes renames inside a folder durable. */
  syncFolder(folder: DiskPath): void;
  /** Makes everything on the file system that holds `folder` durable. */
  flush(folder: string): Promise<void>;
  /** Mode, owner, mtime, ACL and extended attributes of a folder itself, as text. */
  readAttributes(folder: string): Promise<string>;
  applyAttributes(folder: string, attributes: string): Promise<void>;
}

/** The disk of this machine. `environment` is passed to `tar` and `sync`: PATH, no secrets. */
export function realDisk(environment: Readonly<Record<string, string>> = DEFAULT_ENVIRONMENT): TreeDisk {
  return {
    list,
    look,
    read: (file) => readFileSync(file, 'utf8'),
    rename: renameSync,
    link: linkSync,
    unlink: unlinkSync,
    makeFolder: (path, mode) => void mkdirSync(path, { mode }),
    removeFolder: rmdirSync,
    chmod: chmodSync,
    write: (file, text) => durably(file, 'w', (handle) => writeFileSync(handle, text)),
    append: (file, text) => durably(file, 'a', (handle) => appendFileSync(handle, text)),
    syncFolder: (folder) => durably(folder, 'r', () => {}),
    flush: (folder) => flushFileSystem(folder, environment),
    readAttributes: (folder) => readAttributes(folder, environment),
    applyAttributes: (folder, attributes) => applyAttributes(folder, attributes, environment),
  };
}

const DEFAULT_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

function list(folder: DiskPath): DiskEntry[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true, encoding: 'latin1' });
    return entries.map((entry) => ({ name: ownName(entry.name), directory: entry.isDirectory() }));
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || look(folder) === null) throw error;
    return listSlowly(folder);
  }
}

/** If the file system does not report types, Node stats each entry; it finds non-ASCII names only by their bytes. */
function listSlowly(folder: DiskPath): DiskEntry[] {
  const entries = readdirSync(folder, { withFileTypes: true, encoding: 'buffer' });
  return entries.map((entry) => ({ name: nameOf(entry.name as unknown as Buffer), directory: entry.isDirectory() }));
}

function look(path: DiskPath): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function durably(path: DiskPath, flags: 'w' | 'a' | 'r', work: (handle: number) => void): void {
  const handle = openSync(path, flags, 0o600);
  try {
    work(handle);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The real path of an existing folder, or null. */
export function real(folder: string): string | null {
  try {
    return realpathSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    if (isErrno(error, 'ELOOP')) throw noTree(folder, 'its symbolic links form a loop');
    throw fromErrno(error, `read '${folder}'`);
  }
}

/** The error for something that exists but cannot be a tree. */
export const noTree = (root: string, why: string): PotctlError =>
  new PotctlError('E_FILES_MISSING', `cannot read the files in "${root}"`, { why });
