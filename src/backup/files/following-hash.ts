import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fromErrno } from '../../errors.js';

const BLOCK_BYTES = 1 << 20;

/** SHA-256 of a file that somebody else is writing from its start to its end, taken while it grows. */
export interface FollowingHash {
  /** Takes what is there, at most 2 MiB, so that nobody waits long. */
  advance(): void;
  /** Takes the rest of the file, which is complete now. @throws E_IO */
  finish(): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Closes the file; safe at any time. */
  abandon(): void;
}

/** @throws E_IO, E_FILES_DENIED (also from its functions) */
export function createFollowingHash(file: string): FollowingHash {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let descriptor: number | undefined = openSync(file, 'r');
  let size = 0;
  const take = (): number => {
    try {
      const length = descriptor === undefined ? 0 : readSync(descriptor, block, 0, BLOCK_BYTES, size);
      hash.update(block.subarray(0, length));
      size += length;
      return length;
    } catch (error) {
      throw fromErrno(error, `read "${file}"`);
    }
  };
  const abandon = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  return {
    advance: () => void (take() === BLOCK_BYTES && take()),
    async finish() {
      while (take() > 0) await setImmediate();
      abandon();
      return { size, sha256: hash.digest('hex') };
    },
    abandon,
  };
}
