import { type BytePath, compareWalk, isBelow } from './byte-path.js';
import { createContentHash } from './content-hash.js';
import type { ListedFile } from './engine.js';
import { listedFile } from './listed-file.js';
import type { Spool } from './spool.js';
import { ArchiveDamage, type TarMember } from './tar-header.js';
import type { TarListener } from './tar-reader.js';
import type { TarWarnings } from './tar-warnings.js';
import { lookAt, type Tree } from './tree.js';
import { entryOf, isSame, type WalkEntry } from './walk.js';

/** `good`: archived as it was. `changed`, `unreadable`: archived, but the content may be torn. `missing`: not archived. */
export type Outcome = 'good' | 'changed' | 'unreadable' | 'missing';

/** What became of the entries of a spool, in its order. */
export interface Outcomes {
  entries(): Generator<{ readonly entry: WalkEntry; readonly outcome: Outcome }>;
}

/** Follows one round. */
export interface Recorder {
  readonly listener: TarListener;
  /** To be awaited, if there is anything, before the next piece of the stream. */
  settle(signal: AbortSignal): Promise<void> | undefined;
  /** Once the stream has ended. */
  finish(warnings: TarWarnings): Outcomes;
}

/** What one round reads. */
export interface Round {
  readonly tree: Tree;
  /** In walk order. */
  readonly spool: Spool;
  /** No walk follows that would see what has changed, so each file is looked at once more. */
  readonly last: boolean;
}

const CODES: readonly Outcome[] = ['good', 'changed', 'unreadable', 'missing'];

/**
 * Follows tar's stream beside the list of what it was asked for: lists each member, and notes what became of each entry.
 *
 * A member is left out when the entry has turned from a directory into something else or the other way round, and whatever lies below a
 * directory that is not there: such members could not be extracted in order.
 */
export function createRecorder({ tree, spool, last }: Round, listed: (file: ListedFile) => void): Recorder {
  const expected = createCursor(spool);
  const hash = createContentHash();
  const dropped = new Set<BytePath>();
  let passing: { readonly member: TarMember; readonly entry: WalkEntry } | undefined;

  const keeps = (member: TarMember, entry: WalkEntry): boolean =>
    member.type !== 'device' &&
    (member.type === 'directory') === (entry.type === 'directory') &&
    !expected.isLost(entry.path) &&
    !(member.type === 'hardlink' && dropped.has(member.target ?? ''));

  const listener: TarListener = {
    data: hash.data,
    hole: hash.hole,
    member(member) {
      const entry = expected.advanceTo(member.path);
      if (!keeps(member, entry)) {
        dropped.add(member.path);
        expected.note('missing');
        return 'drop';
      }
      passing = { member, entry };
      return 'keep';
    },
    memberEnd() {
      const { member, entry } = passing!;
      const type = member.type as Exclude<TarMember['type'], 'device'>;
      const list = (sha256?: string): void => listed(listedFile(member, type, sha256));
      expected.note(last && entry.type === 'file' && hasChanged(tree, entry) ? 'changed' : 'good');
      hash.end(type === 'file' ? list : () => list());
    },
  };
  return {
    listener,
    settle: hash.settle,
    finish(warnings: TarWarnings): Outcomes {
      const codes = expected.finish();
      return { entries: () => outcomesOf(spool, codes, warnings) };
    },
  };
}

/** Gone is not changed: it was complete when tar closed it, or tar complained. */
function hasChanged(tree: Tree, entry: WalkEntry): boolean {
  const now = lookAt(tree, entry.path);
  // What cannot be looked at may have changed.
  return now !== undefined && (now === 'unreadable' || !isSame(entry, entryOf(entry.path, now)));
}

function* outcomesOf(spool: Spool, codes: Uint8Array, warnings: TarWarnings): ReturnType<Outcomes['entries']> {
  let index = 0;
  for (const entry of spool.entries()) {
    const outcome = CODES[codes[index++]!]!;
    const warning = outcome === 'missing' ? undefined : warnings.about(entry.path);
    // A directory changes whenever somebody works in it; only its own facts are archived.
    const counts = warning === 'unreadable' || entry.type === 'file';
    yield { entry, outcome: warning !== undefined && counts ? warning : outcome };
  }
}

/** Goes through the spool beside the stream; entries that are passed over are missing. */
function createCursor(spool: Spool) {
  const codes = new Uint8Array(spool.count);
  const entries = spool.entries();
  let next = entries.next();
  let at = 0;
  let lost: BytePath | undefined;

  const note = (outcome: Outcome): void => {
    const entry = next.value as WalkEntry;
    codes[at++] = CODES.indexOf(outcome);
    if (outcome === 'missing' && entry.type === 'directory' && !isLost(entry.path)) lost = entry.path;
    next = entries.next();
  };
  const isLost = (path: BytePath): boolean => lost !== undefined && isBelow(path, lost);
  return {
    note,
    isLost,
    /** @throws ArchiveDamage for a path that was not asked for */
    advanceTo(path: BytePath): WalkEntry {
      while (!next.done && compareWalk(next.value.path, path) < 0) note('missing');
      if (next.done || next.value.path !== path) throw new ArchiveDamage('a member was not asked for');
      return next.value;
    },
    finish(): Uint8Array {
      while (!next.done) note('missing');
      return codes;
    },
  };
}
