import { type BigIntStats, closeSync, constants, existsSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { isErrno } from '../../kernel/errors.js';
import { at, ownName } from '../../runs/tree/names.js';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const DESCRIPTORS = '/proc/self/fd';

/** An open directory: operations apply to it even if somebody replaces its name meanwhile. */
export interface Folder {
  /** A path to it that no symbolic link can redirect, if the system supports such paths. */
  readonly path: string;
  close(): void;
}

/**
 * Opens a directory by path, or by the name (one byte per character) of an entry of an open one. Does not follow symbolic links.
 *
 * @throws errno ELOOP or ENOTDIR if it is not a directory
 */
export function openFolder(place: string | { readonly in: Folder; readonly name: string }): Folder {
  const path = typeof place === 'string' ? place : at(place.in.path, ownName(place.name));
  const handle = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const isHeld = existsSync(`${DESCRIPTORS}/${handle}`);
  return { path: isHeld ? `${DESCRIPTORS}/${handle}` : String(path), close: () => closeSync(handle) };
}

/** Like {@link openFolder}, but creates the directory with mode 0700 if it is missing. */
export function makeFolder(folder: Folder, name: string): Folder {
  try {
    mkdirSync(at(folder.path, ownName(name)), { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return openFolder({ in: folder, name });
}

/** The stat of an entry; null if there is none. */
export function lookIn(folder: Folder, name: string): BigIntStats | null {
  try {
    return lstatSync(at(folder.path, ownName(name)), { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
