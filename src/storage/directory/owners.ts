import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

/** A user and a group of this machine, by their numbers. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Returns the owner of a folder; null if it does not exist, or a link has its name. */
export async function ownerOf(folder: string): Promise<Owner | null> {
  const facts = await lstat(folder).catch(() => null);
  return facts?.isDirectory() ? { uid: facts.uid, gid: facts.gid } : null;
}

/**
 * Changes the owner of an open file, if permitted. Uses the open file, never its name, which could be a link to anywhere. A file with a
 * second name is unchanged: that name may be anywhere, too.
 *
 * @param owner null = unchanged
 */
export async function give(handle: FileHandle, owner: Owner | null): Promise<void> {
  if (owner === null) return;
  const facts = await handle.stat();
  if (facts.uid === owner.uid || (facts.isFile() && facts.nlink > 1)) return;
  // Only a courtesy to the other user, so a failure is ignored.
  await handle.chown(owner.uid, owner.gid).catch(() => {});
}

/** Changes the owner of a new folder, as {@link give} does. */
export async function giveFolder(folder: string, owner: Owner | null): Promise<void> {
  if (owner === null) return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await give(handle, owner).finally(() => handle.close());
}
