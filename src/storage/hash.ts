import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fromErrno } from '../kernel/errors.js';
import { type FollowingHash, followWrites, type Hashed } from './following-hash.js';

const CHUNK_BYTES = 1 << 20;
/** Starting a thread costs a tenth of a second of processor time, as much as hashing what is written in this time. */
const PATIENCE_MS = 500;

/** Hashes as {@link followWrites} does, but starts its thread only for writes that take longer than a moment. */
export function hashWrites(target: string, matching?: RegExp): FollowingHash {
  let following: FollowingHash | undefined;
  const start = setTimeout(() => {
    following = followWrites(target, matching);
  }, PATIENCE_MS).unref();
  return {
    async finish(files) {
      clearTimeout(start);
      try {
        return await (following ?? hashAfterwards()).finish(files);
      } catch (error) {
        if (!isNowhere(error)) throw error;
        return hashAfterwards().finish(files);
      }
    },
    async abandon() {
      clearTimeout(start);
      await following?.abandon();
    },
  };
}

/** A thread of Node reads the current directory at its start, and dies if that was deleted. */
const isNowhere = (error: unknown): boolean => error instanceof Error && error.message.includes('uv_cwd');

/** Hashes small files after they are written. */
function hashAfterwards(): FollowingHash {
  const { signal } = new AbortController();
  return {
    async finish(files) {
      const hashed: Hashed[] = [];
      for (const file of files) hashed.push(await hashFile(file, signal));
      return hashed;
    },
    abandon: async () => {},
  };
}

/** Reused by the next file: allocating a buffer costs more than reading a small file. */
let spare: Buffer | undefined;

/**
 * Returns the SHA-256 and size of a file, in one pass with one reused buffer: memory use does not depend on the size.
 *
 * @param onBytes called with the number of bytes just read, for progress
 * @throws E_FILES_DENIED, E_IO; the signal's reason when aborted
 */
export async function hashFile(file: string, signal: AbortSignal, onBytes?: (bytes: number) => void): Promise<Hashed> {
  const hash = createHash('sha256');
  const buffer = spare ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  spare = undefined;
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
  } finally {
    spare = buffer;
  }
}
