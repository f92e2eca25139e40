import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { holdsRepository, MARKER } from './marker.js';
import { findNestedMounts } from './mounts.js';

/** Something inside a folder that must not be removed with it. */
export interface Untouchable {
  readonly path: string;
  readonly what: 'a backup repository' | 'a mount point' | 'another file system';
}

/**
 * Looks for what must never be moved or removed together with a folder: repositories, mount points, other file systems (a btrfs subvolume
 * is one that no mount table lists). Follows no link.
 *
 * @param isLooked which entries at the top level to search; default: all
 * @returns the first one found; null also if the folder does not exist
 */
export async function findUntouchable(
  folder: string,
  isLooked: (name: string) => boolean = () => true,
): Promise<Untouchable | null> {
  const facts = await lstat(folder, { bigint: true }).catch(ifThere);
  if (facts === null || !facts.isDirectory()) return null;
  const [mount] = findNestedMounts(folder).filter((point) => isLooked(path.relative(folder, point).split('/')[0]!));
  if (mount !== undefined) return { path: mount, what: 'a mount point' };
  return lookInto(Buffer.from(folder), facts.dev, isLooked);
}

async function lookInto(
  folder: Buffer,
  device: bigint,
  isLooked: (name: string) => boolean,
): Promise<Untouchable | null> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(ifThere);
  for (const entry of entries ?? []) {
    const name = entry.name as unknown as Buffer;
    if (!isLooked(name.toString('latin1'))) continue;
    if (entry.isFile() && name.equals(MARKER_BYTES) && holdsRepository(folder))
      return { path: folder.toString(), what: 'a backup repository' };
    if (!entry.isDirectory()) continue;
    const below = Buffer.concat([folder, Buffer.from('/'), name]);
    const facts = await lstat(below, { bigint: true }).catch(ifThere);
    if (facts === null) continue;
    if (facts.dev !== device) return { path: below.toString(), what: 'another file system' };
    const found = await lookInto(below, device, () => true);
    if (found !== null) return found;
  }
  return null;
}

const MARKER_BYTES = Buffer.from(MARKER);

/** Ignores folders that are gone, or closed to this user, who then cannot remove their content, either. */
function ifThere(error: unknown): null {
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return null;
  throw error;
}

/** Refuses a folder with something that must not be removed with it. @throws PotctlError E_REFUSED naming it */
export async function refuseUntouchable(folder: string): Promise<void> {
  const found = await findUntouchable(folder);
  if (found === null) return;
  throw new PotctlError('E_REFUSED', `cannot remove "${folder}": "${found.path}" in it is ${found.what}`, {
    why: 'it would be removed as well',
    fix: [
      found.what === 'a mount point'
        ? `Unmount it: \`umount "${found.path}"\`, then repeat.`
        : `Move "${found.path}" to another place, then repeat.`,
    ],
  });
}

/** Returns whether a sweep failed on something that cannot be removed now. It is left for the next sweep. */
export const isStuck = (error: unknown): boolean =>
  error instanceof PotctlError ? error.code === 'E_REFUSED' : error instanceof Error && 'errno' in error;

/**
 * Removes a file or a folder with its content, even if folders are not writable. Does nothing if it does not exist.
 *
 * @throws PotctlError E_REFUSED if it contains a repository, a mount point or another file system: nothing is removed then
 */
export async function removeTree(target: string): Promise<void> {
  await refuseUntouchable(target);
  try {
    // Over NFS, a file that a child still holds open keeps its folder busy for a moment.
    await rm(target, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    await openFolders(Buffer.from(target));
    await refuseUntouchable(target);
    await rm(target, { recursive: true, force: true });
  }
}

/** Makes folders writable. What the failed removal still removes meanwhile is skipped. */
async function openFolders(folder: Buffer): Promise<void> {
  try {
    await chmod(folder, 0o700);
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name as unknown as Buffer;
      if (entry.isDirectory()) await openFolders(Buffer.concat([folder, Buffer.from('/'), name]));
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
