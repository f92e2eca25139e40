import { createHash } from 'node:crypto';
import { type BytePath, display, isInside } from '../byte-path.js';
import { readInside } from '../decompress.js';
import { ArchiveDamage } from '../tar-header.js';
import type { ImportedMember } from './header.js';
import { createImportedReader } from './reader.js';

/** What must be known about a whole archive before its first member can be placed in a tree. */
export interface Survey {
  /** The folder at its top that stands for the tree itself; null = the members are relative to the tree. */
  readonly topFolder: BytePath | null;
  /** Folders that have their own member, as named in the archive. */
  readonly folders: ReadonlySet<BytePath>;
  /** Number of occurrences of paths that appear more than once, by fingerprint. */
  readonly repeated: ReadonlyMap<bigint, number>;
}

/** An archive of another program. */
export interface ImportedArchive {
  readonly file: string;
  /** `gzip`, `zstd` or `none`. */
  readonly compression: string;
  /** Whether a single folder at the top stands for the tree itself. */
  readonly stripTop: boolean;
}

/**
 * Reads a whole archive, but only its names.
 *
 * @throws ArchiveDamage: truncated, damaged, not a tar archive, or a member outside the tree; E_IO, E_FILES_DENIED, E_TOOL_MISSING
 */
export async function surveyImported(
  { file, compression, stripTop }: ImportedArchive,
  signal: AbortSignal,
): Promise<Survey> {
  const folders = new Set<BytePath>();
  const prints = createPrints();
  const guard = createGuard();
  let tops: BytePath | null | undefined;
  let hasRoot = false;
  let topIsFile = false;
  const reader = createImportedReader({
    member(member) {
      const path = normalPath(member);
      guard(member, path);
      if (path === '') {
        hasRoot = true;
        return;
      }
      const top = path.slice(0, path.indexOf('/') < 0 ? path.length : path.indexOf('/'));
      tops = tops === undefined || tops === top ? top : null;
      if (path === top && member.type !== 'directory') topIsFile = true;
      if (member.type === 'directory') folders.add(path);
      prints.add(path);
    },
    data() {},
    memberEnd() {},
  });
  for await (const chunk of readInside(file, compression, signal)) reader.push(chunk);
  reader.end();
  const isSingle = stripTop && !hasRoot && !topIsFile && typeof tops === 'string';
  return { topFolder: isSingle ? tops! : null, folders, repeated: prints.repeated() };
}

/** Normalizes a path: `./a//b/` → `a/b`; the tree itself is empty. @throws ArchiveDamage for a path that is absolute or leaves the tree */
export function normalPath({ path, type }: Pick<ImportedMember, 'path' | 'type'>): BytePath {
  if (path.startsWith('/')) throw leaving(path, 'has an absolute path');
  const clean = path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
  if (clean === '' && type !== 'directory') throw leaving(path, 'has no name');
  if (clean !== '' && !isInside(clean)) throw leaving(path, 'points outside the tree');
  return clean;
}

/**
 * Returns a function that refuses members that could write outside the tree: members behind a symbolic link of the archive, hard links to
 * symbolic links. Create one for each pass over an archive.
 */
export function createGuard(): (member: ImportedMember, path: BytePath) => void {
  const links = new Set<BytePath>();
  const refuseBehind = (path: BytePath, shown: string): void => {
    if (links.size === 0) return;
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (links.has(path.slice(0, at))) throw leaving(shown, 'is behind a symbolic link of the archive');
    }
  };
  return (member, path) => {
    refuseBehind(path, member.path);
    if (member.type === 'symlink') links.add(path);
    else if (links.has(path) && member.type === 'directory')
      throw leaving(member.path, 'is both a symbolic link and a directory');
    if (member.type !== 'hardlink') return;
    const target = normalPath({ path: member.target ?? '', type: 'hardlink' });
    refuseBehind(target, member.path);
    if (links.has(target)) throw leaving(member.path, 'is a hard link to a symbolic link');
  };
}

const leaving = (path: BytePath, why: string): ArchiveDamage =>
  new ArchiveDamage(`${JSON.stringify(display(path))} ${why}`);

/** Returns a 64-bit fingerprint of a path: a wrong match is about as likely as a memory error. */
export const printOf = (path: BytePath): bigint =>
  createHash('sha256').update(path, 'latin1').digest().readBigUInt64LE(0);

function createPrints() {
  let prints = new BigUint64Array(1_024);
  let count = 0;
  return {
    add(path: BytePath): void {
      if (count === prints.length) {
        const larger = new BigUint64Array(prints.length * 2);
        larger.set(prints);
        prints = larger;
      }
      prints[count++] = printOf(path);
    },
    repeated(): Map<bigint, number> {
      const sorted = prints.subarray(0, count).sort();
      const found = new Map<bigint, number>();
      for (let at = 1; at < count; at++) {
        if (sorted[at] === sorted[at - 1]) found.set(sorted[at]!, (found.get(sorted[at]!) ?? 1) + 1);
      }
      return found;
    },
  };
}
