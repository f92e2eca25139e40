import { access, constants } from 'node:fs/promises';

/**
 * Returns whether this user may write to all of these folders; false also on a read-only file system. A missing folder counts as writable.
 */
export async function areWritable(folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    const isClosed = await access(folder, constants.W_OK | constants.X_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    if (isClosed) return false;
  }
  return true;
}
