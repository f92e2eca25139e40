import type { BigIntStats } from 'node:fs';
import { type BytePath, textOrBase64 } from '../../archive/byte-path.js';
import type { Left, LeftReason, Outcome, Overwrite } from './request.js';

const NAMED = 1_000;

/** The entry to be placed. */
export interface Incoming {
  readonly directory: boolean;
  readonly mtimeNs: bigint;
}

/**
 * Decides what happens to an entry whose place is taken by `present`. `enter`: both are directories, so their contents are decided. Pure.
 *
 * @param device of the target directory
 */
export function decide(
  present: BigIntStats | null,
  incoming: Incoming,
  overwrite: Overwrite,
  device: bigint,
): 'place' | 'enter' | 'replace' | LeftReason {
  if (present === null) return 'place';
  if (present.isDirectory() !== incoming.directory) return 'other-kind';
  if (incoming.directory) return present.dev === device ? 'enter' : 'mount-point';
  if (present.dev !== device) return 'mount-point';
  if (overwrite === 'never') return 'exists';
  return overwrite === 'always' || incoming.mtimeNs > present.mtimeNs ? 'replace' : 'not-newer';
}

/** Counts the results. */
export interface Tally {
  restored(count: number): void;
  overwritten(): void;
  directories(count: number): void;
  /** @param count files, links and pipes that are skipped with it */
  left(path: BytePath, reason: LeftReason, count: number): void;
  all(): Outcome;
}

/** Creates an empty count. */
export function createTally(): Tally {
  const sums = { restored: 0, overwritten: 0, skipped: 0, directories: 0, leftTotal: 0, obstructed: false };
  const named: Left[] = [];
  return {
    restored(count) {
      sums.restored += count;
    },
    overwritten() {
      sums.overwritten += 1;
    },
    directories(count) {
      sums.directories += count;
    },
    left(path, reason, count) {
      sums.skipped += count;
      sums.leftTotal += 1;
      sums.obstructed ||= reason !== 'exists' && reason !== 'not-newer';
      if (named.length < NAMED) named.push(leftOf(path, reason));
    },
    all: () => ({ ...sums, left: named }),
  };
}

function leftOf(path: BytePath, reason: LeftReason): Left {
  const named = textOrBase64(path);
  return 'text' in named ? { path: named.text, reason } : { path_b64: named.base64, reason };
}
