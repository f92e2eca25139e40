import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { findNestedMounts, positionOf } from './mounts.js';

/**
 * The identity of a folder is its device and inode, never its path: bind mounts and symbolic links give one folder several paths. Holds on
 * local file systems and on NFS. Two more looks close what that leaves open: the mount table tells where a folder lies inside its file
 * system when nothing above it is shared, and the marker of a repository is looked for by its content, since overlayfs may number a
 * folder anew and shows its layers under another device. Files are never compared: overlayfs gives them the device of their layer.
 */
export type Identity = string;

/** Device and inode, for comparing folders. */
export const identityOf = ({ dev, ino }: BigIntStats): Identity => `${dev}:${ino}`;

/** The identities of a folder and of every folder above it; where it does not exist yet, of those that do. */
export function identitiesAbove(folder: string): Set<Identity> {
  const found = new Set<Identity>();
  for (let at = realPlace(folder); ; at = path.dirname(at)) {
    const facts = look(at);
    if (facts !== null) found.add(identityOf(facts));
    if (at === path.dirname(at)) return found;
  }
}

/**
 * Does one of two folders lie inside the other, or are they one, by whatever mounts and links their paths lead there? A mount point inside
 * the second counts as what is mounted there.
 *
 * @returns which one lies inside; `first` also where they are one
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

/** Both free of symbolic links. */
function isWithin(inner: string, outer: string): boolean {
  if (`${inner}/`.startsWith(`${outer === '/' ? '' : outer}/`)) return true;
  const [at, above] = [positionOf(inner), positionOf(outer)];
  if (at !== null && above !== null && `${at}/`.startsWith(above.endsWith('/') ? above : `${above}/`)) return true;
  const facts = look(outer);
  return facts !== null && identitiesAbove(inner).has(identityOf(facts));
}

/** What is there; null also for links in a circle, which whoever opens the place tells of. */
function look(place: string): BigIntStats | null {
  try {
    return statSync(place, { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

/** The path without symbolic links; what does not exist yet keeps its names. */
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
 * A repository inside the tree would back itself up, and a restore would move it away; a tree inside the repository would be swapped among
 * the backups. One rule for backup and restore, whatever mounts and links lead there.
 *
 * @param repository its folder, absolute, or the URL of one elsewhere
 * @throws PotctlError E_REFUSED
 */
export function refuseOverlap(repository: string, tree: string): void {
  if (!path.isAbsolute(repository)) return;
  const inside = overlapOf(repository, tree);
  if (inside !== null) throw overlapError(repository, tree, inside);
}

/** What {@link refuseOverlap} says. */
export function overlapError(repository: string, tree: string, inside: 'first' | 'second'): PotctlError {
  const [text, why] =
    inside === 'first'
      ? [
          `the repository "${repository}" lies inside the files "${tree}"`,
          'every backup would hold all earlier ones, and a restore would move the repository away',
        ]
      : [`the files "${tree}" lie inside the repository "${repository}"`, 'a restore would move backups away'];
  return new PotctlError('E_REFUSED', text, {
    why,
    fix: [
      'Use a repository outside of the files: `--repository DIR`. One that is mounted inside them counts as inside.',
    ],
  });
}
