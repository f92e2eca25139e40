import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';

/** Absolute paths. */
export interface PlainFiles {
  readonly files: string[];
  /** Innermost first; the folder itself is last. */
  readonly folders: string[];
}

/** Lists everything below a folder. @throws PotctlError E_IO if there is anything but regular files and folders */
export async function plainFiles(folder: string): Promise<PlainFiles> {
  const found: PlainFiles = { files: [], folders: [] };
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inner = path.join(folder, entry.name);
    if (entry.isFile()) found.files.push(inner);
    else if (entry.isDirectory()) {
      const { files, folders } = await plainFiles(inner);
      for (const file of files) found.files.push(file);
      found.folders.push(...folders);
    } else
      throw new PotctlError('E_IO', `'${inner}' is not a regular file`, {
        why: 'a backup contains only regular files',
      });
  }
  found.folders.push(folder);
  return found;
}
