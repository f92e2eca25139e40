import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, opendirSync, realpathSync, statSync } from 'node:fs';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { type BytePath, toBytes } from './byte-path.js';

/** A directory whose content is backed up, restored or compared. */
export interface Tree {
  /** Its resolved path, as bytes. */
  readonly root: BytePath;
  /** The same path, for use as the working directory of a program. */
  readonly folder: string;
}

/**
 * Opens the root of a tree. A symlink is followed here, and nowhere below.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED
 */
export function openTree(root: string): Tree {
  try {
    const real = realpathSync(root, { encoding: 'buffer' });
    if (!statSync(real).isDirectory()) throw notReadable(root, 'it is not a directory');
    // Listing a directory needs one permission, reading attributes of its entries another.
    opendirSync(real).closeSync();
    lstatSync(Buffer.concat([real, Buffer.from('/.')]));
    return { root: real.toString('latin1'), folder: isUtf8(real) ? real.toString('utf8') : root };
  } catch (error) {
    if (isErrno(error, 'ELOOP')) throw notReadable(root, 'its symbolic links form a loop', error);
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw notReadable(root, 'the directory does not exist', error);
    throw fromErrno(error, `read the directory "${root}"`);
  }
}

function notReadable(root: string, why: string, cause?: unknown): PotctlError {
  return new PotctlError('E_FILES_MISSING', `cannot read the files in "${root}"`, { why, cause });
}

/** Returns the absolute path of an entry for a system call. */
export const absolute = (tree: Tree, path: BytePath): Buffer =>
  toBytes(path === '' ? tree.root : `${tree.root}/${path}`);

/** Returns the attributes of an entry; undefined if it does not exist, `unreadable` if it cannot be accessed. Does not follow symlinks. */
export function lookAt(tree: Tree, path: BytePath): BigIntStats | 'unreadable' | undefined {
  try {
    return lstatSync(absolute(tree, path), { bigint: true });
  } catch (error) {
    return isErrno(error, 'ENOENT', 'ENOTDIR') ? undefined : 'unreadable';
  }
}

/** Returns whether owners can be set, and are therefore restored and compared. */
export const runsAsRoot = (): boolean => process.geteuid?.() === 0;
