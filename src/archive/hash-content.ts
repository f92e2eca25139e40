import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { fromErrno } from '../kernel/errors.js';
import { display } from './byte-path.js';

const BLOCK = Buffer.allocUnsafeSlow(1 << 20);

/**
 * Returns the SHA-256 of a file. Reads synchronously, which for many small files is several times faster than anything else, and yields
 * between the blocks of a large one.
 *
 * @param yieldIfDue called between blocks, see createYielder
 * @throws E_FILES_DENIED, E_IO
 */
export async function hashContent(file: Buffer, yieldIfDue: () => Promise<void> | undefined): Promise<string> {
  const hash = createHash('sha256');
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      for (;;) {
        const length = readSync(descriptor, BLOCK, 0, BLOCK.length, null);
        if (length === 0) return hash.digest('hex');
        hash.update(BLOCK.subarray(0, length));
        const pause = yieldIfDue();
        if (pause) await pause;
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw fromErrno(error, `read "${display(file.toString('latin1'))}"`);
  }
}
