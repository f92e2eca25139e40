import { type BytePath, compareWalk, isBelow } from './byte-path.js';
import type { PathLog } from './incomplete.js';
import type { Outcome, Outcomes } from './recorder.js';
import type { Spool, SpoolWriter } from './spool.js';
import { lookAt, type Tree } from './tree.js';
import { entryOf, isSame, type WalkEntry } from './walk.js';
import { createYielder } from './yield-often.js';

interface Selecting {
  readonly into: SpoolWriter;
  readonly incomplete: PathLog;
  readonly signal: AbortSignal;
}

/**
 * Selects what the second pass reads: entries that the second walk found new or changed, and those that the first pass failed to archive.
 * Entries that vanished before they were read, or are torn and cannot be read again, are added to `incomplete`.
 */
export async function selectChanged(first: Outcomes, later: Spool, { into, incomplete, signal }: Selecting) {
  const yieldIfDue = createYielder(signal);
  const write = withAncestors(into);
  const before = first.entries();
  let known = before.next();
  let conflict: BytePath | undefined;
  const passKnown = (): void => {
    const { entry, outcome } = known.value as { entry: WalkEntry; outcome: Outcome };
    if (outcome !== 'good') incomplete.add(entry.path, reasonGone(outcome));
    known = before.next();
  };
  for (const entry of later.entries()) {
    while (!known.done && compareWalk(known.value.entry.path, entry.path) < 0) passKnown();
    const same = !known.done && known.value.entry.path === entry.path ? known.value : undefined;
    if (same && isConflict(same, entry)) conflict = entry.path;
    if (conflict !== undefined && (conflict === entry.path || isBelow(entry.path, conflict))) {
      incomplete.add(entry.path, 'changed');
    } else write(entry, same === undefined || same.outcome !== 'good' || !isSame(same.entry, entry));
    if (same) known = before.next();
    await yieldIfDue();
  }
  while (!known.done) passKnown();
}

const reasonGone = (outcome: Outcome): string => (outcome === 'missing' ? 'vanished' : outcome);

/** Returns whether a directory became something else, or the other way round: an archive cannot replace one with the other. */
const isConflict = (known: { readonly entry: WalkEntry; readonly outcome: Outcome }, now: WalkEntry): boolean =>
  known.outcome !== 'missing' && (known.entry.type === 'directory') !== (now.type === 'directory');

/**
 * Selects what is read again after a round: everything that failed and still exists. With `last`, nothing is selected and all of it is
 * added to `incomplete`.
 */
export async function selectFailed(tree: Tree, round: Outcomes, last: boolean, selecting: Selecting): Promise<void> {
  const { into, incomplete, signal } = selecting;
  const yieldIfDue = createYielder(signal);
  const write = withAncestors(into);
  const retry = (entry: WalkEntry, outcome: Outcome): void => {
    const stats = lookAt(tree, entry.path);
    const now = typeof stats === 'object' ? entryOf(entry.path, stats) : undefined;
    const sameKind = now !== undefined && (now.type === 'directory') === (entry.type === 'directory');
    if (now === undefined) incomplete.add(entry.path, stats === undefined ? 'vanished' : 'unreadable');
    else if (!sameKind) incomplete.add(entry.path, 'changed');
    else if (last) incomplete.add(entry.path, outcome === 'missing' ? 'unreadable' : outcome);
    else write(now, true);
  };
  for (const { entry, outcome } of round.entries()) {
    if (outcome === 'good') write(entry, false);
    else retry(entry, outcome);
    await yieldIfDue();
  }
}

/**
 * Returns a function that writes selected entries, each after its parent directories: extracting an entry changes their times, which must
 * be set again.
 */
function withAncestors(into: SpoolWriter): (entry: WalkEntry, chosen: boolean) => void {
  const above: { readonly entry: WalkEntry; written: boolean }[] = [];
  return (entry, chosen) => {
    while (above.length > 0 && !isBelow(entry.path, above.at(-1)!.entry.path)) above.pop();
    if (chosen) {
      for (const directory of above) {
        if (!directory.written) into.add(directory.entry);
        directory.written = true;
      }
      into.add(entry);
    }
    if (entry.type === 'directory') above.push({ entry, written: chosen });
  };
}
