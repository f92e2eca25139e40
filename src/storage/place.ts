import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { findNestedMounts, positionOf } from './mounts.js';

/**
 * The identity of a folder is its device and inode, never its path: bind mounts and symbolic links give a folder several paths. This holds
 * on local file systems and NFS. Two more checks cover the rest: the mount table shows where a folder is inside its file system if it
 * shares no parent, and a repository is recognized by its marker, since overlayfs may renumber folders and shows its layers under another
 * device. Files are never compared: overlayfs gives them the device of their layer.
 */
export type Identity = string;

/** Returns device and inode, to compare folders. */
export const identityOf = ({ dev, ino }: BigIntStats): Identity => `${dev}:${ino}`;

/** Returns the identities of a folder and of every existing folder above it. */
export function identitiesAbove(folder: string): Set<Identity> {
  const found = new Set<Identity>();
  for (let at = realPlace(folder); ; at = path.dirname(at)) {
    const facts = look(at);
    if (facts !== null) found.add(identityOf(facts));
    if (at === path.dirname(at)) return found;
  }
}

/**
 * Returns whether one of two folders is inside the other, or they are the same, whatever mounts and links are involved. A mount point
 * inside the second counts as what is mounted there.
 *
 * @returns which one is inside; `first` also if they are the same
 * @throws E_FILES_DENIED, E_IO
 */
export function overlapOf(first: string, second: string): 'first' | 'second' | null {
  try {
    const places = { first: realPlace(first), second: realPlace(second) };
    if (isWithin(places.first, places.second)) return 'first';
    if (isWithin(places.second, places.first)) return 'second';
    if (mountsIn(places.second).some((mount) => isWithin(places.first, mount) || isWithin(mount, places.first)))
      return 'first';
    return mountsIn(places.first).some((mount) => isWithin(places.second, mount) || isWithin(mount, places.second))
      ? 'second'
      : null;
  } catch (error) {
    throw fromErrno(error, `compare "${first}" with "${second}"`);
  }
}

function mountsIn(place: string): string[] {
  return look(place)?.isDirectory() ? findNestedMounts(place) : [];
}

/** Both paths are free of symbolic links. */
function isWithin(inner: string, outer: string): boolean {
  if (`${inner}/`.startsWith(`${outer === '/' ? '' : outer}/`)) return true;
  const [at, above] = [positionOf(inner), positionOf(outer)];
  if (at !== null && above !== null && `${at}/`.startsWith(above.endsWith('/') ? above : `${above}/`)) return true;
  const facts = look(outer);
  return facts !== null && identitiesAbove(inner).has(identityOf(facts));
}

/** Returns the attributes of a path; null also for a loop of links, which is reported when the path is opened. */
function look(place: string): BigIntStats | null {
  try {
    return statSync(place, { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

/** Resolves symbolic links; components that do not exist yet keep their names. */
function realPlace(place: string): string {
  const absolute = path.resolve(place);
  try {
    return realpathSync(absolute);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') || absolute === path.dirname(absolute)) throw error;
    return path.join(realPlace(path.dirname(absolute)), path.basename(absolute));
  }
}

/**
 * Refuses a repository inside the tree or a tree inside the repository, whatever mounts and links are involved. The first would back itself
 * up, and a restore would move it away; the second would be swapped among the backups.
 *
 * @param repository its folder, absolute, or the URL of a remote one
 * @throws PotctlError E_REFUSED
 */
export function refuseOverlap(repository: string, tree: string): void {
  if (!path.isAbsolute(repository)) return;
  const inside = overlapOf(repository, tree);
  if (inside !== null) throw overlapError(repository, tree, inside);
}

/** Returns the error of {@link refuseOverlap}. */
export function overlapError(repository: string, tree: string, inside: 'first' | 'second'): PotctlError {
  const [text, why] =
    inside === 'first'
      ? [
          `the repository "${repository}" is inside the files directory "${tree}"`,
          'every backup would contain all earlier ones, and a restore would move the repository away',
        ]
      : [`the files directory "${tree}" is inside the repository "${repository}"`, 'a restore would move backups away'];
  return new PotctlError('E_REFUSED', text, {
    why,
    fix: [
      'Use a repository outside the files directory: `--repository DIR`. A repository mounted inside it counts as inside.',
    ],
  });
}
