import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fromErrno } from '../errors.js';
import type { FollowingHash, Hashed } from './following-hash.js';

const CHUNK_BYTES = 1 << 20;

/** Hashes small files once they are written, where a thread that follows the writing is not worth its start. */
export function hashAfterwards(): FollowingHash {
  const { signal } = new AbortController();
  return {
    finish: (files) => Promise.all(files.map((file) => hashFile(file, signal))),
    abandon: async () => {},
  };
}

/**
 * SHA-256 and length of a file's bytes, in one pass with one reused buffer: memory stays flat at any size.
 *
 * @param onBytes called with the number of bytes just read, for progress
 * @throws E_FILES_DENIED, E_IO; the signal's reason when aborted
 */
export async function hashFile(file: string, signal: AbortSignal, onBytes?: (bytes: number) => void): Promise<Hashed> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let size = 0;
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null);
        if (bytesRead === 0) return { size, sha256: hash.digest('hex') };
        hash.update(buffer.subarray(0, bytesRead));
        size += bytesRead;
        onBytes?.(bytesRead);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fromErrno(error, `read "${file}"`);
  }
}
