import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import picomatch from 'picomatch';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { holdsRepository, MARKER } from '../storage/marker.js';
import { type Identity, identityOf, overlapError } from '../storage/place.js';
import { type BytePath, display, fromText } from './byte-path.js';
import { ownNames } from './restore-folders.js';
import { absolute, type Tree } from './tree.js';
import { createYielder } from './yield-often.js';

/** The attributes of one entry during a walk; enough to detect later changes. */
export interface WalkEntry {
  readonly path: BytePath;
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo';
  readonly size: number;
  /** Bytes on disk: less than `size` where a file has holes. */
  readonly stored: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

export interface WalkRequest {
  readonly tree: Tree;
  readonly excludes: readonly string[];
  readonly signal: AbortSignal;
  readonly entry: (entry: WalkEntry) => void;
  /** Folders that must not be inside the tree: the draft being written and everything above it. Default: none. */
  readonly refused?: ReadonlySet<Identity>;
  /** Called for sockets, devices, and backup repositories with everything in them: a restore would move them away with the tree. */
  readonly skipped: (path: BytePath, reason: 'socket' | 'device' | 'repository') => void;
  /** Called for an entry that exists but cannot be read or listed. */
  readonly unreadable: (path: BytePath) => void;
}

/**
 * Visits every entry of a tree, the root first: depth first, names sorted by their bytes, so that two walks can be compared line by line.
 * Never follows a symlink. Memory holds only the names of one directory per level.
 *
 * @throws E_REFUSED for a folder in `refused`, or a tree that is a repository itself; the signal's reason when aborted
 */
export async function walk(request: WalkRequest): Promise<void> {
  const excluded = createExclusion(request.excludes);
  const yieldIfDue = createYielder(request.signal);
  const levels = enter(request, '');
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const path = level.path === '' ? name : `${level.path}/${name}`;
    if (!excluded(path)) levels.push(...enter(request, path));
    const pause = yieldIfDue();
    if (pause) await pause;
  }
}

interface Level {
  readonly path: BytePath;
  readonly names: readonly string[];
  next: number;
}

function enter(request: WalkRequest, path: BytePath): Level[] {
  const entry = look(request, path);
  if (entry === undefined) return [];
  if (entry.type !== 'directory') {
    request.entry(entry);
    return [];
  }
  const all = namesIn(request, path);
  if (all === undefined) return [];
  // What restores keep in a tree is not part of it.
  const own = path === '' ? ownNames(absolute(request.tree, ''), all) : undefined;
  const names = own === undefined || own.size === 0 ? all : all.filter((name) => !own.has(name));
  if (names.includes(MARKER) && holdsRepository(absolute(request.tree, path))) {
    if (path === '') throw overlapAt(request, path);
    request.skipped(path, 'repository');
    return [];
  }
  request.entry(entry);
  return [{ path, names, next: 0 }];
}

function look(request: WalkRequest, path: BytePath): WalkEntry | undefined {
  try {
    const stats = lstatSync(absolute(request.tree, path), { bigint: true });
    if (stats.isSocket()) request.skipped(path, 'socket');
    else if (stats.isBlockDevice() || stats.isCharacterDevice()) request.skipped(path, 'device');
    else {
      if (stats.isDirectory() && request.refused?.has(identityOf(stats))) throw overlapAt(request, path);
      return entryOf(path, stats);
    }
  } catch (error) {
    if (error instanceof PotctlError) throw error;
    // Removed since its directory was listed: as if it had been removed before the walk.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) request.unreadable(path);
  }
  return undefined;
}

/** Returns the error for a forbidden folder inside the tree, however it was mounted: see {@link Identity}. */
function overlapAt({ tree }: WalkRequest, path: BytePath): PotctlError {
  return overlapError(display(path === '' ? tree.root : `${tree.root}/${path}`), display(tree.root), 'first');
}

/** Returns the attributes that distinguish one state of an entry from another. */
export function entryOf(path: BytePath, stats: BigIntStats): WalkEntry {
  const size = Number(stats.size);
  return {
    path,
    type: typeOf(stats),
    size,
    stored: Math.min(size, Number(stats.blocks) * 512),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    ino: stats.ino,
  };
}

function typeOf(stats: BigIntStats): WalkEntry['type'] {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  return stats.isFIFO() ? 'fifo' : 'file';
}

function namesIn(request: WalkRequest, path: BytePath): string[] | undefined {
  try {
    return readdirSync(absolute(request.tree, path), { encoding: 'latin1' }).sort();
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) request.unreadable(path);
    return undefined;
  }
}

/** Returns whether the content of an entry is certainly unchanged between two looks. */
export const isSame = (a: WalkEntry, b: WalkEntry): boolean =>
  a.type === b.type && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;

// Flag s: names may contain newlines.
const MATCHING = { dot: true, nonegate: true, flags: 's' };

/**
 * Returns a function that tells whether a path is excluded. `tmp/**` excludes the content of tmp: the directory itself stays, because
 * applications need it.
 */
export function createExclusion(globs: readonly string[]): (path: BytePath) => boolean {
  const matchers = globs.map((glob) => {
    const pattern = fromText(glob.replace(/^\.?\//, ''));
    const matches = picomatch(pattern, MATCHING);
    const kept = pattern.endsWith('/**') ? picomatch(pattern.slice(0, -3), MATCHING) : undefined;
    return (path: BytePath): boolean => matches(path) && !kept?.(path);
  });
  return (path) => matchers.some((matches) => matches(path));
}
