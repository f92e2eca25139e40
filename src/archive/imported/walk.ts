import type { Progress } from '../../kernel/progress.js';
import { type BytePath, display } from '../byte-path.js';
import { createContentHash } from '../content-hash.js';
import { readInside } from '../decompress.js';
import type { ListedFile } from '../engine.js';
import { listedFile } from '../listed-file.js';
import type { TarMember } from '../tar-header.js';
import type { ImportedMember } from './header.js';
import { createImportedReader } from './reader.js';
import { createGuard, type ImportedArchive, normalPath, printOf, type Survey } from './survey.js';

/** A member with its path in the tree. */
export interface PlacedMember {
  readonly member: TarMember;
  readonly attributes: ReadonlyMap<string, string>;
  /** A later member has the same path. */
  readonly superseded: boolean;
}

/** Receives the members in order. A returned promise pauses reading. */
export interface PlacedListener {
  member(placed: PlacedMember): void;
  data?(bytes: Buffer): void;
  /** The content is complete. */
  listed?(file: ListedFile): void;
  skipped?(path: string, reason: string): void;
  /** After every piece that was read. */
  settle?(): Promise<void> | undefined;
}

/**
 * Reads an archive of another program and reports the resulting tree: the folder at the top is removed, folders without their own member
 * are inserted before their content, and devices are skipped.
 *
 * @throws ArchiveDamage as {@link surveyImported}: it checks every member again
 */
export async function walkImported(
  archive: ImportedArchive,
  survey: Survey,
  listener: PlacedListener,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
): Promise<void> {
  const hash = createContentHash();
  const placing = createPlacing(survey);
  const guard = createGuard();
  let current: PlacedMember | null = null;
  const begin = (placed: PlacedMember): void => {
    listener.member(placed);
    if (placed.member.type !== 'file') listener.listed?.(lineOf(placed, undefined));
  };
  const reader = createImportedReader({
    member(member) {
      const path = normalPath(member);
      guard(member, path);
      current = null;
      if (member.type === 'device') return listener.skipped?.(display(path), 'device');
      const placed = placing.place(member, path);
      if (placed === null) return;
      for (const folder of placing.missingAbove(placed.member)) begin(folder);
      current = placed;
      begin(placed);
    },
    data(bytes) {
      if (current === null) return;
      hash.data(bytes);
      listener.data?.(bytes);
    },
    memberEnd() {
      if (current?.member.type !== 'file') return;
      const placed = current;
      hash.end((sha256) => listener.listed?.(lineOf(placed, sha256)));
    },
  });
  let done = 0;
  for await (const chunk of readInside(archive.file, archive.compression, signal)) {
    reader.push(chunk);
    await listener.settle?.();
    done += chunk.length;
    progress({ kind: 'bytes', done });
  }
  reader.end();
}

function lineOf({ member, superseded }: PlacedMember, sha256: string | undefined): ListedFile {
  const file = listedFile(member, member.type as Exclude<TarMember['type'], 'device'>, sha256);
  return superseded ? { ...file, superseded } : file;
}

function createPlacing({ topFolder, folders, repeated }: Survey) {
  const left = new Map(repeated);
  const made = new Set<BytePath>();
  const strip = (path: BytePath): BytePath | null => {
    if (topFolder === null) return path;
    if (path === topFolder) return '';
    return path.startsWith(`${topFolder}/`) ? path.slice(topFolder.length + 1) : null;
  };
  return {
    /** Returns null for a member outside the top folder, which cannot happen after a survey. */
    place(member: ImportedMember, full: BytePath): PlacedMember | null {
      const path = strip(full);
      if (path === null) return null;
      const { attributes, ...facts } = member;
      const target =
        member.type === 'hardlink' ? strip(normalPath({ path: member.target!, type: 'hardlink' })) : member.target;
      return {
        member: { ...facts, path, target: target ?? undefined, sparse: false },
        attributes,
        superseded: takeOne(left, full),
      };
    },
    /** Returns the folders above that have no member, outermost first; each only once. */
    missingAbove(member: TarMember): PlacedMember[] {
      const missing: PlacedMember[] = [];
      for (let at = member.path.indexOf('/'); at >= 0; at = member.path.indexOf('/', at + 1)) {
        const path = member.path.slice(0, at);
        if (made.has(path) || folders.has(topFolder === null ? path : `${topFolder}/${path}`)) continue;
        made.add(path);
        missing.push({ member: { ...member, ...FOLDER, path }, attributes: new Map(), superseded: false });
      }
      return missing;
    },
  };
}

const FOLDER = { type: 'directory', size: 0, stored: 0, mode: 0o755, target: undefined } as const;

function takeOne(left: Map<bigint, number>, path: BytePath): boolean {
  if (left.size === 0) return false;
  const print = printOf(path);
  const count = left.get(print);
  if (count === undefined) return false;
  left.set(print, count - 1);
  return count > 1;
}
