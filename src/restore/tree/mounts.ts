import { type BigIntStats, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Mount points below a folder, at any depth: they cannot be renamed, or would be carried away with a folder that is renamed.
 * The folder itself may be one. Linux tells from its mount table, bind mounts included; elsewhere folders with another device are found.
 *
 * @returns absolute paths, ascending
 */
export function findNestedMounts(root: string): string[] {
  const below = `${root === '/' ? '' : root}/`;
  const table = mountPoints();
  return (table ?? foreignFolders(root, lstatSync(root, { bigint: true })))
    .filter((point) => point.startsWith(below))
    .sort();
}

/** Is the folder the top of a mounted file system, or a bind mount? */
export function isMountPoint(root: string): boolean {
  const table = mountPoints();
  if (table !== null) return table.includes(root);
  return lstatSync(root).dev !== lstatSync(path.dirname(root)).dev;
}

/** @see proc(5), /proc/pid/mountinfo: the fifth field, with space, tab, newline and backslash as octal escapes */
function mountPoints(): string[] | null {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.flatMap((line) => line.split(' ')[4] ?? []).map(unescapeOctal);
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
