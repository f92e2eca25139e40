import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { geteuid, pid } from 'node:process';
import { PotctlError } from './errors.js';
import { type HostIdentity, isGone, readHostIdentity } from './host-identity.js';

/**
 * Makes a 0700 folder for what must not outlive its use: a pipe, a hook's output. Its name tells whose it is, and what killed runs of
 * ours left beside it is removed first.
 *
 * @param parent an existing folder that others may write to, too, such as TMPDIR
 * @param kind a word for the name
 * @throws E_UNFIT where none can be made there
 */
export async function makeShortLivedFolder(parent: string, kind: string): Promise<string> {
  const ours = await readHostIdentity(pid);
  await sweep(parent, ours);
  return mkdtemp(path.join(parent, `potctl-${kind}-${machineOf(ours)}-${pid}-${ours.startTime}-`)).catch((error) => {
    throw new PotctlError('E_UNFIT', `no short-lived folder can be made in '${parent}'`, {
      why: String((error as Error).message),
      fix: ['Set TMPDIR to a directory that exists, has room, and that you may write to.'],
      cause: error,
    });
  });
}

/** Removes it. Never rejects: no work may fail because its litter does not go away, and a later run sweeps it. */
export async function removeShortLivedFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

/** Without a start time nobody can be proved dead: such a name does not match. */
const NAME = /^potctl-[a-z]+-([0-9a-f]{12})-(\d+)-(\d+)-.{6}$/;

/** Only what is certainly nobody's: made by a process of this machine, boot and user that runs no more. */
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

/** In /tmp anybody can make a folder, or a symbolic link, of such a name. */
async function isMine(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => null);
  return found?.isDirectory() === true && found.uid === geteuid?.();
}

/** A pid means something only where it was given: on this host, in this boot and pid namespace. */
function machineOf({ hostname, bootId, pidNamespace }: HostIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([hostname, bootId, pidNamespace]))
    .digest('hex')
    .slice(0, 12);
}
