import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../../kernel/errors.js';
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

/**
 * @throws PotctlError E_UNFIT when the server's user cannot reach the directory, e.g. because TMPDIR is root's own
 */
export async function refuseUnreachable(directory: string, user: SystemUser | undefined): Promise<void> {
  if (!user || (await canEnter(path.dirname(directory), user))) return;
  throw new PotctlError('E_UNFIT', `the user '${user.name}' may not enter '${path.dirname(directory)}'`, {
    why: `PostgreSQL refuses to run as root, so the throw-away server runs as '${user.name}'`,
    fix: ['Use a temporary directory that everybody may enter, e.g. `TMPDIR=/tmp`.'],
  });
}

async function canEnter(folder: string, user: SystemUser): Promise<boolean> {
  for (let current = folder; ; current = path.dirname(current)) {
    const { mode, uid, gid } = await stat(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}
