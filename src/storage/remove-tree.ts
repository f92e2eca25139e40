import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { holdsRepository, MARKER } from './marker.js';
import { findNestedMounts } from './mounts.js';

/** Something inside a folder that must not go with it. */
export interface Untouchable {
  readonly path: string;
  readonly what: 'a backup repository' | 'a mount point' | 'another file system';
}

/**
 * Looks for what must never be moved or removed together with a folder: repositories, mount points, other file systems (a btrfs subvolume
 * is one that no mount table names). Follows no link.
 *
 * @param isLooked which entries at the top are looked into; default: all
 * @returns the first; null also where the folder does not exist
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

/** Gone meanwhile, or not to be looked into by this user, who then cannot remove what is in it, either. */
function ifThere(error: unknown): null {
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return null;
  throw error;
}

/** @throws PotctlError E_REFUSED naming what must not go with the folder */
export async function refuseUntouchable(folder: string): Promise<void> {
  const found = await findUntouchable(folder);
  if (found === null) return;
  throw new PotctlError('E_REFUSED', `"${folder}" is not removed: "${found.path}" in it is ${found.what}`, {
    why: 'it would go with it',
    fix: [
      found.what === 'a mount point'
        ? `Unmount it: \`umount "${found.path}"\`, then repeat.`
        : `Move "${found.path}" to another place, then repeat.`,
    ],
  });
}

/** Did a sweep meet what cannot go now? It stays for the next time, and stops nobody. */
export const isStuck = (error: unknown): boolean =>
  error instanceof PotctlError ? error.code === 'E_REFUSED' : error instanceof Error && 'errno' in error;

/**
 * Removes a file or a folder with all that is in it, also where folders lost their write bit. Not there is fine.
 *
 * @throws PotctlError E_REFUSED if a repository, a mount point or another file system would go with it: nothing is removed then
 */
export async function removeTree(target: string): Promise<void> {
  await refuseUntouchable(target);
  try {
    // Over NFS a file that a child still holds open leaves its folder busy for a moment.
    await rm(target, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    await openFolders(Buffer.from(target));
    await refuseUntouchable(target);
    await rm(target, { recursive: true, force: true });
  }
}

/** What the failed removal still takes away meanwhile needs no opening. */
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
