import { access, constants } from 'node:fs/promises';

/** May this user write into all of these folders? false also on a read-only file system; a missing one is made by whoever writes. */
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
