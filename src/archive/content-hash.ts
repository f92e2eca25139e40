import { createHash, type Hash } from 'node:crypto';
import type { ContentSink } from './sparse.js';
import { createYielder } from './yield-often.js';

const ZEROS = Buffer.alloc(1 << 20);
/** Longer holes block everything else for too long while they are hashed: a second per gigabyte. */
const LONG_HOLE_BYTES = 64 << 20;

/** Hashes one content after the other (SHA-256); a hole counts as the zeros that an application would read. */
export interface ContentHash extends ContentSink {
  /** Reports the digest (lower-case hex) of everything since the last end: at once, or during `settle`. */
  end(report: (sha256: string) => void): void;
  /**
   * Does deferred work, which takes long, and yields meanwhile; returns nothing if there is none.
   *
   * @throws what `report` throws; the signal's reason when aborted
   */
  settle(signal: AbortSignal): Promise<void> | undefined;
}

type Work = (yieldIfDue: () => Promise<void> | undefined) => Promise<void> | void;

/** Creates a hash; see {@link ContentHash}. */
export function createContentHash(): ContentHash {
  let hash: Hash | undefined;
  let later: Work[] = [];
  const update = (bytes: Buffer): void => {
    hash ??= createHash('sha256');
    hash.update(bytes);
  };
  const finish = (report: (sha256: string) => void): void => {
    const digest = hash?.digest('hex') ?? EMPTY;
    hash = undefined;
    report(digest);
  };
  return {
    data(bytes) {
      if (later.length === 0) return update(bytes);
      const copy = Buffer.from(bytes);
      later.push(() => update(copy));
    },
    hole(bytes) {
      if (later.length === 0 && bytes < LONG_HOLE_BYTES) for (const zeros of zerosOf(bytes)) update(zeros);
      else later.push((yieldIfDue) => updateSlowly(update, bytes, yieldIfDue));
    },
    end(report) {
      if (later.length === 0) finish(report);
      else later.push(() => finish(report));
    },
    settle(signal) {
      if (later.length === 0) return undefined;
      const work = later;
      later = [];
      return doAll(work, signal);
    },
  };
}

const EMPTY = createHash('sha256').digest('hex');

function* zerosOf(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
}

async function updateSlowly(
  update: (bytes: Buffer) => void,
  bytes: number,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<void> {
  for (const zeros of zerosOf(bytes)) {
    update(zeros);
    const pause = yieldIfDue();
    if (pause) await pause;
  }
}

async function doAll(work: readonly Work[], signal: AbortSignal): Promise<void> {
  const yieldIfDue = createYielder(signal);
  for (const step of work) await step(yieldIfDue);
}
