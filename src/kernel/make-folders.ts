import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from './errors.js';

/**
 * Creates a directory and its missing parents with mode 0700. Node's own recursive mkdir never returns where the file system denies that a
 * parent can exist, as /proc does.
 *
 * @throws the errno of the first directory that cannot be created
 */
export async function makeFolders(directory: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(directory); !(await isThere(at)); at = path.dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw error;
    });
  }
}

async function isThere(place: string): Promise<boolean> {
  try {
    await stat(place);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
