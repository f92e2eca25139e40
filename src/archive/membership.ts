import { createHash } from 'node:crypto';
import type { FilesPart } from '../catalog/manifest.js';
import { type BytePath, fromText } from './byte-path.js';
import type { ListedFile } from './engine.js';
import { readList } from './list.js';
import { pathOf } from './listed-file.js';
import type { Tree } from './tree.js';

/**
 * Returns a function that tells whether a file (also a link or FIFO) is in a backup. It accepts paths as applications write them.
 *
 * @throws ArchiveDamage if the list cannot be read
 */
export async function createMembership(folder: string, part: FilesPart, tree: Tree, signal: AbortSignal) {
  const files = await readPrints(folder, part, signal, (file) => file.type !== 'directory');
  return (path: string): boolean => files(normalize(fromText(path), tree));
}

/**
 * Returns a function that tells whether a path is among the selected lines of a list. Keeps 64-bit fingerprints: 8 bytes per path, and one
 * wrong yes in 10^7 for a million paths and a million questions.
 */
export async function readPrints(
  folder: string,
  part: FilesPart,
  signal: AbortSignal,
  fits: (file: ListedFile) => boolean,
): Promise<(path: BytePath) => boolean> {
  let prints = new BigUint64Array(1_024);
  let count = 0;
  for await (const file of readList(folder, part, signal)) {
    if (file.superseded || !fits(file)) continue;
    if (count === prints.length) prints = grow(prints);
    prints[count++] = fingerprint(pathOf(file));
  }
  const sorted = prints.subarray(0, count).sort();
  return (path) => isIn(sorted, fingerprint(path));
}

function grow(prints: BigUint64Array<ArrayBuffer>): BigUint64Array<ArrayBuffer> {
  const larger = new BigUint64Array(prints.length * 2);
  larger.set(prints);
  return larger;
}

const fingerprint = (path: BytePath): bigint => createHash('sha256').update(path, 'latin1').digest().readBigUInt64LE(0);

/** Normalizes a path as applications write it: with the path of the tree in front, with `./`, or with doubled slashes. */
function normalize(path: BytePath, tree: Tree): BytePath {
  const relative = path.startsWith(`${tree.root}/`) ? path.slice(tree.root.length) : path;
  return relative
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}

function isIn(sorted: BigUint64Array, wanted: bigint): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted;
}
