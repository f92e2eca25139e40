import { createWriteStream } from 'node:fs';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { fromErrno } from '../kernel/errors.js';
import type { FollowingHash, Hashed } from '../storage/following-hash.js';
import { hashWrites } from '../storage/hash.js';
import type { CompressedFile } from './compress.js';
import { nodeZstd } from './programs.js';

const BUFFERED_BYTES = 256 << 10;
/** Each chunk of output is a trip to another thread; Node's default are 16 KiB. */
const CHUNK_BYTES = 128 << 10;

/** Compresses in this process (on another thread), at the fastest level. */
export function compressInside(file: string, name: 'zstd' | 'gzip'): CompressedFile {
  const encoder = name === 'gzip' ? zlib.createGzip({ level: 1, chunkSize: CHUNK_BYTES }) : createNodeZstd();
  const stored = store(encoder, file, hashWrites(file));
  const copies = createCopies();
  stored.catch(() => encoder.destroy());
  // An error of the encoder is a consequence: the store tells the cause.
  encoder.on('error', () => {});
  return {
    write(bytes) {
      if (encoder.destroyed) return stored.then(() => undefined);
      // A copy, so that the caller can go on while the other thread works.
      const copy = copies.take(bytes);
      encoder.write(copy, () => copies.giveBack(copy));
      return encoder.writableLength < BUFFERED_BYTES ? undefined : drained(encoder, stored);
    },
    close() {
      encoder.end();
      return stored;
    },
    async abort() {
      encoder.destroy();
      await stored.catch(() => undefined);
    },
  };
}

/** Copies in buffers that are used again: gigabytes of fresh ones would stay in memory until they are collected. */
function createCopies() {
  const free: ArrayBufferLike[] = [];
  return {
    take(bytes: Buffer): Buffer {
      const memory =
        bytes.length > CHUNK_BYTES ? new ArrayBuffer(bytes.length) : (free.pop() ?? new ArrayBuffer(CHUNK_BYTES));
      const copy = Buffer.from(memory, 0, bytes.length);
      copy.set(bytes);
      return copy;
    },
    giveBack({ buffer }: Buffer): void {
      if (buffer.byteLength === CHUNK_BYTES) free.push(buffer);
    },
  };
}

function createNodeZstd(): Transform {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = nodeZstd.constants;
  const params = { [ZSTD_c_compressionLevel]: 1, [ZSTD_c_checksumFlag]: 1 };
  return nodeZstd.createZstdCompress!({ params, chunkSize: CHUNK_BYTES });
}

async function store(encoder: Transform, file: string, stored: FollowingHash): Promise<Hashed> {
  try {
    await pipeline(encoder, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    await stored.abandon();
    throw fromErrno(error, `write "${file}"`);
  }
  const [hashed] = await stored.finish([file]);
  return hashed!;
}

async function drained(encoder: Transform, stored: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      encoder.off('drain', done).off('close', done);
      resolve();
    };
    encoder.on('drain', done).on('close', done);
  });
  if (encoder.destroyed) await stored;
}
