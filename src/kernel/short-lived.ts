import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { geteuid, pid } from 'node:process';
import { PotctlError } from './errors.js';
import { type HostIdentity, isGone, readHostIdentity } from './host-identity.js';

/**
 * Makes a 0700 folder for short-lived files: a pipe, the output of a hook. Its name records which process owns it; folders that
 * killed processes of this user left in `parent` are removed first.
 *
 * @param parent an existing folder that others may also write to, such as TMPDIR
 * @param kind a word for the name
 * @throws E_UNFIT if it cannot be created there
 */
export async function makeShortLivedFolder(parent: string, kind: string): Promise<string> {
  const ours = await readHostIdentity(pid);
  await sweep(parent, ours);
  return mkdtemp(path.join(parent, `potctl-${kind}-${machineOf(ours)}-${pid}-${ours.startTime}-`)).catch((error) => {
    throw new PotctlError('E_UNFIT', `cannot create a temporary folder in '${parent}'`, {
      why: String((error as Error).message),
      fix: ['Set TMPDIR to a directory that exists, has free space, and is writable by you.'],
      cause: error,
    });
  });
}

/** Removes it. Never rejects: work must not fail because of leftovers, and a later run removes them. */
export async function removeShortLivedFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

/** Without a start time no owner can be proved dead, so such a name does not match. */
const NAME = /^potctl-[a-z]+-([0-9a-f]{12})-(\d+)-(\d+)-.{6}$/;

/** Removes only what certainly has no owner: made by a process of this machine, boot and user that has ended. */
async function sweep(parent: string, ours: HostIdentity): Promise<void> {
  const machine = machineOf(ours);
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const [, madeOn, owner, startTime] = NAME.exec(name) ?? [];
    if (madeOn !== machine || startTime === undefined) continue;
    const dead = await isGone({ ...ours, pid: Number(owner), startTime }, ours);
    const folder = path.join(parent, name);
    if (dead && (await isMine(folder))) await removeShortLivedFolder(folder);
  }
}

/** In /tmp, anybody can create a folder or a symbolic link with such a name. */
async function isMine(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => null);
  return found?.isDirectory() === true && found.uid === geteuid?.();
}

/** A pid is meaningful only where it was assigned: on this host, in this boot and pid namespace. */
function machineOf({ hostname, bootId, pidNamespace }: HostIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([hostname, bootId, pidNamespace]))
    .digest('hex')
    .slice(0, 12);
}
