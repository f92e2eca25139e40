import { type BigIntStats, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A line of the mount table. */
interface Mount {
  readonly point: string;
  /** The file system and the folder in it that is mounted there: `8:1 /srv/data`. */
  readonly device: string;
  readonly root: string;
}

/**
 * Finds mount points below a folder, at any depth: they cannot be renamed, or would move along with the folder. The folder itself may be
 * one. Linux has a mount table, which includes bind mounts; on other systems folders with another device are found.
 *
 * @returns absolute paths, ascending
 */
export function findNestedMounts(root: string): string[] {
  const below = `${root === '/' ? '' : root}/`;
  const points = mountTable()?.map(({ point }) => point);
  return (points ?? foreignFolders(root, lstatSync(root, { bigint: true })))
    .filter((point) => point.startsWith(below))
    .sort();
}

/** Returns whether a folder is the root of a mounted file system, or a bind mount. */
export function isMountPoint(root: string): boolean {
  const table = mountTable();
  if (table !== null) return table.some(({ point }) => point === root);
  return lstatSync(root).dev !== lstatSync(path.dirname(root)).dev;
}

/**
 * Returns the position of a path inside its file system, however it is mounted: two bind mounts of one folder have the same position. null
 * if there is no mount table.
 *
 * @param place absolute, free of symbolic links; need not exist
 */
export function positionOf(place: string): string | null {
  let found: Mount | undefined;
  for (const mount of mountTable() ?? []) {
    const isAbove = `${place}/`.startsWith(mount.point === '/' ? '/' : `${mount.point}/`);
    // Of several mounts on one point, the last one is visible.
    if (isAbove && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found === undefined ? null : `${found.device} ${path.join(found.root, path.relative(found.point, place))}`;
}

/**
 * Reads the mount table. @see proc(5), /proc/pid/mountinfo: device, root and mount point are the third to fifth field, with octal escapes
 */
function mountTable(): Mount[] | null {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.flatMap((line) => {
      const [, , device, root, point] = line.split(' ');
      if (device === undefined || root === undefined || point === undefined) return [];
      return [{ device, root: unescapeOctal(root), point: unescapeOctal(point) }];
    });
  } catch {
    return null;
  }
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function foreignFolders(folder: string, root: BigIntStats): string[] {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap((entry) => {
    const below = path.join(folder, entry.name);
    const device = lstatSync(below, { bigint: true }).dev;
    return device === root.dev ? foreignFolders(below, root) : [below];
  });
}
