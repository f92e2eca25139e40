import { chmod, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../../errors.js';

/** Removes what was staged, also directories that a plain user may not write to. Not there is fine. */
export async function removeStaged(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    await open(Buffer.from(folder));
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the failed removal still takes away meanwhile needs no opening. */
async function open(folder: Buffer): Promise<void> {
  try {
    await chmod(folder, 0o700);
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name as unknown as Buffer;
      if (entry.isDirectory()) await open(Buffer.concat([folder, Buffer.from(path.sep), name]));
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
