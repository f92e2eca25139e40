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

/** `good`: archived unchanged. `changed`, `unreadable`: archived, but the content may be torn. `missing`: not archived. */
export type Outcome = 'good' | 'changed' | 'unreadable' | 'missing';

/** The outcome of each entry of a spool, in its order. */
export interface Outcomes {
  entries(): Generator<{ readonly entry: WalkEntry; readonly outcome: Outcome }>;
}

/** Records one round. */
export interface Recorder {
  readonly listener: TarListener;
  /** Await it, if it returns a promise, before the next piece of the stream. */
  settle(signal: AbortSignal): Promise<void> | undefined;
  /** Call it when the stream has ended. */
  finish(warnings: TarWarnings): Outcomes;
}

/** The input of one round. */
export interface Round {
  readonly tree: Tree;
  /** In walk order. */
  readonly spool: Spool;
  /** The last round: no later walk will notice changes, so each file is checked once more. */
  readonly last: boolean;
}

const CODES: readonly Outcome[] = ['good', 'changed', 'unreadable', 'missing'];

/**
 * Creates a recorder that compares tar's stream with the requested entries, lists each member, and records the outcome of each entry.
 *
 * A member is dropped if a directory became something else or the other way round, and so is everything below a missing directory: such
 * members could not be extracted in order.
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

/** Returns whether a file has changed. A removed file has not: it was complete when tar closed it, or tar complained. */
function hasChanged(tree: Tree, entry: WalkEntry): boolean {
  const now = lookAt(tree, entry.path);
  // A file that cannot be accessed may have changed.
  return now !== undefined && (now === 'unreadable' || !isSame(entry, entryOf(entry.path, now)));
}

function* outcomesOf(spool: Spool, codes: Uint8Array, warnings: TarWarnings): ReturnType<Outcomes['entries']> {
  let index = 0;
  for (const entry of spool.entries()) {
    const outcome = CODES[codes[index++]!]!;
    const warning = outcome === 'missing' ? undefined : warnings.about(entry.path);
    // A directory changes whenever its content does, but only its own attributes are archived.
    const counts = warning === 'unreadable' || entry.type === 'file';
    yield { entry, outcome: warning !== undefined && counts ? warning : outcome };
  }
}

/** Steps through the spool in parallel with the stream; skipped entries are missing. */
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
    /** @throws ArchiveDamage for a path that was not requested */
    advanceTo(path: BytePath): WalkEntry {
      while (!next.done && compareWalk(next.value.path, path) < 0) note('missing');
      if (next.done || next.value.path !== path) throw new ArchiveDamage('it contains a member that was not requested');
      return next.value;
    },
    finish(): Uint8Array {
      while (!next.done) note('missing');
      return codes;
    },
  };
}
