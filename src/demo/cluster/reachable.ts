import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import { PotctlError } from '../../kernel/errors.js';
import type { SystemUser } from './system-user.js';

/**
 * Returns a directory of the binaries that the server's user can run. Binaries below root's home (0700) are copied, with their libraries, to
 * `directory`.
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
 * @throws PotctlError E_UNFIT if the server's user cannot access the directory, e.g. because TMPDIR belongs to root
 */
export async function refuseUnreachable(directory: string, user: SystemUser | undefined): Promise<void> {
  if (!user || (await canEnter(path.dirname(directory), user))) return;
  throw new PotctlError('E_UNFIT', `the user '${user.name}' cannot access '${path.dirname(directory)}'`, {
    why: `PostgreSQL refuses to run as root, so the temporary server runs as '${user.name}'`,
    fix: ['Use a temporary directory that all users can access, e.g. `TMPDIR=/tmp`.'],
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
