import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../../kernel/errors.js';
import { unusable } from '../failures.js';

/** A resolved path. */
export interface Root {
  readonly isThere: boolean;
  /** Free of symbolic links. */
  readonly folder: string;
}

/**
 * Resolves the folder of a storage; changes nothing. A symbolic link to a folder is followed here, and never again.
 *
 * @param location absolute
 * @throws PotctlError E_REPOSITORY_FORMAT: a file, a dangling link, a missing parent; file system errors
 */
export async function locate(location: string): Promise<Root> {
  const folder = await resolve(location);
  if (folder === null) return { isThere: false, folder: await nameInParent(location) };
  if (!(await lstat(folder)).isDirectory())
    throw unusable(location, 'it is not a directory', ['Give a directory, not a file.']);
  return { isThere: true, folder };
}

async function resolve(location: string): Promise<string | null> {
  try {
    return await realpath(location);
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) throw unusable(location, 'a part of the path is not a directory');
    if (isErrno(error, 'ELOOP')) throw unusable(location, 'its symbolic links form a loop');
    if (!isErrno(error, 'ENOENT')) throw error;
    return null;
  }
}

async function nameInParent(location: string): Promise<string> {
  const parent = await resolve(path.dirname(location));
  if (parent === null) {
    throw unusable(location, 'the directory above it does not exist', [
      'Check the path, and whether its disk is mounted.',
      `Or create it: \`mkdir -p ${path.dirname(location)}\``,
    ]);
  }
  const folder = path.join(parent, path.basename(location));
  // Anything but a link was created by somebody else at this moment.
  const isLink = (await lstat(folder).catch(() => null))?.isSymbolicLink() === true;
  if (isLink) throw unusable(location, 'it is a symbolic link to a place that does not exist');
  return folder;
}
