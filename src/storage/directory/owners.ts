import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';

/** A user and a group of this machine, by their numbers. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whom a folder belongs to; null where there is none, or a link in its place. */
export async function ownerOf(folder: string): Promise<Owner | null> {
  const facts = await lstat(folder).catch(() => null);
  return facts?.isDirectory() ? { uid: facts.uid, gid: facts.gid } : null;
}

/**
 * Gives what is open to a user, where we may. Of the open file, never by name: by name it could be a link that leads anywhere. A file with
 * a second name stays as it is: that name may lie anywhere, too.
 *
 * @param owner null = it stays as it is
 */
export async function give(handle: FileHandle, owner: Owner | null): Promise<void> {
  if (owner === null) return;
  const facts = await handle.stat();
  if (facts.uid === owner.uid || (facts.isFile() && facts.nlink > 1)) return;
  // It is a help for the other user, and no more.
  await handle.chown(owner.uid, owner.gid).catch(() => {});
}

/** As {@link give}, a folder that was just made. */
export async function giveFolder(folder: string, owner: Owner | null): Promise<void> {
  if (owner === null) return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await give(handle, owner).finally(() => handle.close());
}
