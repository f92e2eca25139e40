import { createHash, type Hash } from 'node:crypto';
import type { ContentSink } from './sparse.js';

const ZEROS = Buffer.alloc(1 << 20);

/** SHA-256 of one content after the other; a hole counts as the zeros that an application would read. */
export function createContentHash(): ContentSink & {
  /** The digest since the last call, lower-case hex. */
  take(): string;
} {
  let hash: Hash | undefined;
  const update = (bytes: Buffer): void => {
    hash ??= createHash('sha256');
    hash.update(bytes);
  };
  return {
    data: update,
    hole(bytes) {
      for (let left = bytes; left > 0; left -= ZEROS.length) update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
    },
    take() {
      const digest = hash?.digest('hex') ?? EMPTY;
      hash = undefined;
      return digest;
    },
  };
}

const EMPTY = createHash('sha256').digest('hex');
