import type { FilesPart } from '../catalog/manifest.js';
import { type BytePath, compareWalk, isBelow } from './byte-path.js';
import type { ListedFile } from './engine.js';
import { quote } from './follow.js';
import { createTotals, readList } from './list.js';
import { pathOf, targetOf } from './listed-file.js';
import { ArchiveDamage } from './tar-header.js';

/** What must be known before a list can be checked line by line. Small: hard links, and what the second pass read. */
interface Preview {
  readonly linkTargets: Set<BytePath>;
  /** Line numbers of paths that appear again in later rounds. */
  readonly again: Map<BytePath, number[]>;
}

/**
 * Checks the list of an archive before anything is extracted: each round is in walk order, each entry is below a directory of its own
 * round, no path is both a directory and something else, hard links point to earlier members, replaced members are marked, and the totals
 * match the manifest. An archive that matches such a list cannot leave its tree.
 *
 * @throws ArchiveDamage
 */
export async function checkStructure(folder: string, part: FilesPart, signal: AbortSignal): Promise<void> {
  const preview = await look(folder, part, signal);
  const rounds = createRounds();
  const totals = createTotals();
  const linked = new Set<BytePath>();
  const kinds = new Map<BytePath, boolean>();
  let index = 0;
  for await (const file of readList(folder, part, signal)) {
    const path = pathOf(file);
    rounds.enter(path, file);
    checkLink(file, linked);
    if (preview.linkTargets.has(path) && file.type !== 'directory') linked.add(path);
    if (preview.again.has(path)) checkKind(file, path, kinds);
    const replaced = (preview.again.get(path)?.at(-1) ?? -1) > index;
    if (replaced !== (file.superseded ?? false))
      throw new ArchiveDamage(`${quote(file)} is wrongly marked in the list`);
    totals.count(file);
    index += 1;
  }
  for (const [name, total] of Object.entries(totals.all())) {
    if (part[name] !== total)
      throw new ArchiveDamage(`the list has ${total} ${name}, but the manifest says ${part[name]}`);
  }
}

async function look(folder: string, part: FilesPart, signal: AbortSignal): Promise<Preview> {
  const preview: Preview = { linkTargets: new Set(), again: new Map() };
  const rounds = createRounds();
  let index = 0;
  for await (const file of readList(folder, part, signal)) {
    const path = pathOf(file);
    if (file.type === 'hardlink') preview.linkTargets.add(targetOf(file)!);
    if (rounds.enter(path, file) > 0) preview.again.set(path, [...(preview.again.get(path) ?? []), index]);
    index += 1;
  }
  return preview;
}

function checkLink(file: ListedFile, linked: ReadonlySet<BytePath>): void {
  if (file.type !== 'hardlink' || linked.has(targetOf(file)!)) return;
  throw new ArchiveDamage(`${quote(file)} is a hard link to something that does not precede it in the archive`);
}

function checkKind(file: ListedFile, path: BytePath, kinds: Map<BytePath, boolean>): void {
  const isDirectory = file.type === 'directory';
  if ((kinds.get(path) ?? isDirectory) !== isDirectory) {
    throw new ArchiveDamage(`${quote(file)} is both a directory and something else`);
  }
  kinds.set(path, isDirectory);
}

/** Tracks the rounds of a list: each starts with the tree itself. */
function createRounds() {
  let round = -1;
  let previous: BytePath = '';
  let above: BytePath[] = [];
  return {
    /** @returns the number of the round, from 0; throws ArchiveDamage for an entry out of order or without its directory */
    enter(path: BytePath, file: ListedFile): number {
      if (path === '') {
        round += 1;
        above = [''];
      } else {
        while (above.length > 0 && !isBelow(path, above.at(-1)!)) above.pop();
        const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
        const inOrder = above.at(-1) === parent && compareWalk(previous, path) < 0;
        if (!inOrder) throw new ArchiveDamage(`${quote(file)} is in the wrong place of the list`);
        if (file.type === 'directory') above.push(path);
      }
      previous = path;
      return round;
    },
  };
}
