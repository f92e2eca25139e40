import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { fromErrno } from '../kernel/errors.js';

const BLOCK_BYTES = 256 * 1024;

/** A file that is appended to in small pieces and written in large ones. */
export interface ByteFileWriter {
  /** The caller may reuse the bytes at once. */
  add(bytes: Buffer): void;
  /** Everything added can be read afterwards. Safe to call twice. */
  close(): void;
}

/** Creates a new file to append to. @throws E_NO_SPACE, E_IO, E_FILES_DENIED (also by `add` and `close`) */
export function createByteFile(file: string): ByteFileWriter {
  let descriptor: number | undefined = attempt(file, () => openSync(file, 'wx', 0o600));
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let bytes = 0;
  const flush = (): void => {
    if (descriptor === undefined || bytes === 0) return;
    const full = block.subarray(0, bytes);
    bytes = 0;
    attempt(file, () => writeWhole(descriptor!, full));
  };
  return {
    add(piece) {
      for (let at = 0; at < piece.length; ) {
        const copied = piece.copy(block, bytes, at);
        at += copied;
        bytes += copied;
        if (bytes === BLOCK_BYTES) flush();
      }
    },
    close() {
      const open = descriptor;
      if (open === undefined) return;
      try {
        flush();
      } finally {
        descriptor = undefined;
        closeSync(open);
      }
    },
  };
}

function writeWhole(descriptor: number, block: Buffer): void {
  for (let written = 0; written < block.length; ) written += writeSync(descriptor, block, written);
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromErrno(error, `write "${file}"`);
  }
}

/** Yields the blocks of a file; each is valid until the next one is requested. */
export function* readBlocks(file: string): Generator<Buffer> {
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  try {
    for (;;) {
      const length = readSync(descriptor, buffer, 0, BLOCK_BYTES, null);
      if (length === 0) return;
      yield buffer.subarray(0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Yields the pieces of a file that end in `separator`, without it, one byte per character (latin1). */
export function* readPieces(file: string, separator: '\0' | '\n'): Generator<string> {
  let rest = '';
  for (const block of readBlocks(file)) {
    const pieces = (rest + block.toString('latin1')).split(separator);
    rest = pieces.pop() ?? '';
    yield* pieces;
  }
}
