import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, opendirSync, realpathSync, statSync } from 'node:fs';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { type BytePath, toBytes } from './byte-path.js';

/** A directory whose content is backed up, restored or compared. */
export interface Tree {
  /** Its real path, as bytes. */
  readonly root: BytePath;
  /** The same for a program's working directory. */
  readonly folder: string;
}

/**
 * Opens the root of a tree; a symlink is followed, here and nowhere below.
 *
 * @throws E_FILES_MISSING, E_FILES_DENIED
 */
export function openTree(root: string): Tree {
  try {
    const real = realpathSync(root, { encoding: 'buffer' });
    if (!statSync(real).isDirectory()) throw notThere(root, 'it is not a directory');
    // Listing wants one right, looking at what is listed another.
    opendirSync(real).closeSync();
    lstatSync(Buffer.concat([real, Buffer.from('/.')]));
    return { root: real.toString('latin1'), folder: isUtf8(real) ? real.toString('utf8') : root };
  } catch (error) {
    if (isErrno(error, 'ELOOP')) throw notThere(root, 'its symbolic links go in a circle', error);
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw notThere(root, 'there is no such directory', error);
    throw fromErrno(error, `read the directory "${root}"`);
  }
}

function notThere(root: string, why: string, cause?: unknown): PotctlError {
  return new PotctlError('E_FILES_MISSING', `cannot read the files in "${root}"`, { why, cause });
}

/** The absolute path of an entry, ready for a system call. */
export const absolute = (tree: Tree, path: BytePath): Buffer =>
  toBytes(path === '' ? tree.root : `${tree.root}/${path}`);

/** What an entry is now; undefined when it is not there any more, `unreadable` when that cannot be told. Symlinks are not followed. */
export function lookAt(tree: Tree, path: BytePath): BigIntStats | 'unreadable' | undefined {
  try {
    return lstatSync(absolute(tree, path), { bigint: true });
  } catch (error) {
    return isErrno(error, 'ENOENT', 'ENOTDIR') ? undefined : 'unreadable';
  }
}

/** Whether owners can be given to files, and are therefore restored and compared. */
export const runsAsRoot = (): boolean => process.geteuid?.() === 0;
