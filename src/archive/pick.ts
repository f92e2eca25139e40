import type { FilesPart } from '../catalog/manifest.js';
import { type BytePath, isBelow } from './byte-path.js';
import type { ListedFile } from './engine.js';
import type { Wanted } from './follow.js';
import { createGlobs } from './glob.js';
import { createTotals, type ListTotals, readList } from './list.js';
import { pathOf, targetOf } from './listed-file.js';

/** The members of a backup that were requested. */
export interface Picked {
  /** Everything to extract for them: all their versions, the directories above, and the targets of their hard links. */
  readonly wanted: Wanted;
  /** Totals of the requested members, without superseded ones. */
  readonly matched: ListTotals;
  /** Number of named pipes among them, which no total counts. */
  readonly pipes: number;
  /** Extracted only as targets of hard links; not requested. */
  readonly strays: readonly BytePath[];
  /** Globs without a match. */
  readonly unmatched: readonly string[];
}

/**
 * Finds the members that the globs match, by one pass over the list, or two if hard links point outside the selection. Needs one bit of
 * memory per member.
 *
 * @throws ArchiveDamage, E_USAGE; the signal's reason when aborted
 */
export async function pickMembers(
  folder: string,
  part: FilesPart,
  globs: readonly string[],
  signal: AbortSignal,
): Promise<Picked> {
  const named = createGlobs(globs, part.root);
  const bits = createBits();
  const totals = createTotals();
  const targets = new Set<BytePath>();
  let pipes = 0;
  await eachMember(folder, part, signal, ({ file, path, index, above }) => {
    if (!named.matches(path)) return;
    for (const place of [...above, index]) bits.set(place);
    totals.count(file);
    if (file.type === 'fifo' && !file.superseded) pipes += 1;
    if (file.type === 'hardlink') targets.add(targetOf(file)!);
  });
  const strays = targets.size === 0 ? [] : await addTargets({ folder, part, globs, signal, targets, bits });
  return { wanted: bits, matched: totals.all(), pipes, strays, unmatched: named.unmatched() };
}

/** Yields the final versions of the members that the globs match, in archive order. @throws as {@link pickMembers} */
export async function* listMembers(
  folder: string,
  part: FilesPart,
  globs: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ListedFile> {
  const named = createGlobs(globs, part.root);
  for await (const file of readList(folder, part, signal))
    if (named.matches(pathOf(file)) && !file.superseded) yield file;
}

interface Targets {
  readonly folder: string;
  readonly part: FilesPart;
  readonly globs: readonly string[];
  readonly signal: AbortSignal;
  readonly targets: ReadonlySet<BytePath>;
  readonly bits: Bits;
}

async function addTargets({ folder, part, globs, signal, targets, bits }: Targets): Promise<BytePath[]> {
  const named = createGlobs(globs, part.root);
  const strays = new Set<BytePath>();
  await eachMember(folder, part, signal, ({ path, index }) => {
    if (named.matches(path) || !targets.has(path)) return;
    bits.set(index);
    strays.add(path);
  });
  return [...strays];
}

interface Member {
  readonly file: ListedFile;
  readonly path: BytePath;
  readonly index: number;
  /** Indexes of the directories above it, without the tree itself. */
  readonly above: readonly number[];
}

async function eachMember(
  folder: string,
  part: FilesPart,
  signal: AbortSignal,
  take: (member: Member) => void,
): Promise<void> {
  let above: { readonly path: BytePath; readonly index: number }[] = [];
  let index = 0;
  for await (const file of readList(folder, part, signal)) {
    const path = pathOf(file);
    above = above.filter((directory) => isBelow(path, directory.path));
    take({ file, path, index, above: above.map((directory) => directory.index) });
    if (file.type === 'directory' && path !== '') above.push({ path, index });
    index += 1;
  }
}

interface Bits extends Wanted {
  set(index: number): void;
}

function createBits(): Bits {
  let bytes = new Uint8Array(1_024);
  let last = -1;
  return {
    get last() {
      return last;
    },
    has: (index) => ((bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0,
    set(index) {
      if (index >> 3 >= bytes.length) {
        const larger = new Uint8Array(Math.max(bytes.length * 2, (index >> 3) + 1));
        larger.set(bytes);
        bytes = larger;
      }
      bytes[index >> 3] = bytes[index >> 3]! | (1 << (index & 7));
      last = Math.max(last, index);
    },
  };
}
