import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno } from '../errors.js';
import type { Artefact } from './manifest.js';

const CHUNK_BYTES = 1 << 20;

/**
 * SHA-256 and length of a file's bytes, in one pass with one reused buffer: memory stays flat at any size.
 *
 * @param onBytes called with the number of bytes just read, for progress
 * @throws E_FILES_DENIED, E_IO; the signal's reason when aborted
 */
export async function hashFile(
  file: string,
  signal: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<{ size: number; sha256: string }> {
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

/**
 * Hashes every file below `folder/below`, two at a time (the disk and one core are busy then).
 *
 * @returns artefacts with paths relative to `folder`, `/` between segments, ascending by path
 */
export async function hashFolder(folder: string, below: string, signal: AbortSignal): Promise<Artefact[]> {
  const entries = await readdir(path.join(folder, below), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
  const artefacts = new Array<Artefact>(files.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      const file = files[index]!;
      artefacts[index] = { path: file.split(path.sep).join('/'), ...(await hashFile(path.join(folder, file), signal)) };
    }
  };
  await Promise.all([worker(), worker()]);
  return artefacts;
}
