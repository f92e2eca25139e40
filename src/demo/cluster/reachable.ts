import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SystemUser } from './system-user.js';

/**
 * The binaries where the server's user can run them. What was unpacked below root's home (0700) is copied, with its libraries, to
 * `directory`; everything else stays where it is.
 */
export async function reachableBinaries(
  binaries: string,
  user: SystemUser | undefined,
  directory: string,
): Promise<string> {
  if (!user || (await canEnter(binaries, user))) return binaries;
  const copy = path.join(directory, 'postgresql');
  await cp(path.dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  return path.join(copy, path.basename(binaries));
}

async function canEnter(folder: string, user: SystemUser): Promise<boolean> {
  for (let current = folder; ; current = path.dirname(current)) {
    const { mode, uid, gid } = await stat(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}
