import { closeSync, createWriteStream, openSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { fromErrno } from '../kernel/errors.js';
import type { FollowingHash, Hashed } from '../storage/following-hash.js';
import { hashWrites } from '../storage/hash.js';
import { requireWhole } from './check-complete.js';
import { type Pipes, WORTH_PIPES_BYTES, writeTo } from './pipes.js';
import { isInstalled, nodeZstd, startTool, toolError } from './programs.js';

type Environment = Readonly<Record<string, string>>;

/** How a stream is compressed; `extension` is what plain tar recognizes. */
export interface Compression {
  readonly name: 'zstd' | 'gzip';
  readonly extension: '.zst' | '.gz';
  /** null: compressed inside this process. */
  readonly program: CompressingProgram | null;
}

/** A program that compresses its stdin to its stdout. */
export interface CompressingProgram {
  readonly name: 'zstd' | 'pigz';
  readonly args: readonly string[];
}

/**
 * Chooses the best compression available: the `zstd` program (it uses every core, outside our memory), Node's own zstd, pigz, Node's gzip
 * at level 1 (measured faster than the `gzip` program).
 *
 * @param bytes roughly how many bytes will be compressed
 */
export async function chooseCompression(
  bytes: number,
  environment: Environment,
  signal: AbortSignal,
): Promise<Compression> {
  if (isInstalled('zstd', environment)) {
    const more = bytes < WORTH_PIPES_BYTES ? [] : await withoutAsyncIo(environment, signal);
    return { name: 'zstd', extension: '.zst', program: { name: 'zstd', args: ['-q', '-T0', '-1', '-c', ...more] } };
  }
  if (nodeZstd.createZstdCompress) return { name: 'zstd', extension: '.zst', program: null };
  const pigz = { name: 'pigz', args: ['-1', '-c'] } as const;
  return { name: 'gzip', extension: '.gz', program: isInstalled('pigz', environment) ? pigz : null };
}

/**
 * Returns the option that turns off asynchronous I/O, if zstd knows it (1.5.3 and later). Asynchronous I/O copies everything once more:
 * measured, it costs a fifth of the processor time and gains nothing between a pipe and the page cache.
 */
async function withoutAsyncIo(environment: Environment, signal: AbortSignal): Promise<string[]> {
  const options = { environment, signal, stdout: 'ignore' } as const;
  const { ok } = await startTool('zstd', [NO_ASYNC_IO, '--version'], options).ended;
  return ok ? [NO_ASYNC_IO] : [];
}

const NO_ASYNC_IO = '--no-asyncio';

/** A file that is written through a compressor. */
export interface CompressedFile {
  /**
   * Writes bytes. The caller may reuse them once the promise, if any, has resolved.
   *
   * @throws (in the promise) what made writing impossible: E_NO_SPACE, E_IO, E_TOOL_FAILED
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Closes the file. Size and SHA-256 are those of the stored bytes. @throws as `write` */
  close(): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Stops at once and resolves when nothing is written any more. Safe at any time, even twice. */
  abort(): Promise<void>;
}

/**
 * Starts writing `file`, which must not exist yet.
 *
 * @throws E_NO_SPACE, E_IO, E_FILES_DENIED
 */
export function createCompressedFile(
  file: string,
  { name, program }: Compression,
  outside: { readonly pipes: Pipes; readonly environment: Environment; readonly signal: AbortSignal },
): CompressedFile {
  return program === null ? compressInside(file, name) : compressThrough(file, program, outside);
}

const BUFFERED_BYTES = 256 << 10;
/** Larger than Node's default of 16 KiB, because each chunk of output is a trip to another thread. */
const CHUNK_BYTES = 128 << 10;

/** Compresses in this process (on another thread), at the fastest level. */
export function compressInside(file: string, name: 'zstd' | 'gzip'): CompressedFile {
  const encoder = name === 'gzip' ? zlib.createGzip({ level: 1, chunkSize: CHUNK_BYTES }) : createNodeZstd();
  const stored = store(encoder, file, hashWrites(file));
  const copies = createCopies();
  stored.catch(() => encoder.destroy());
  // An error of the encoder is only a consequence: the cause is reported by `stored`.
  encoder.on('error', () => {});
  return {
    write(bytes) {
      if (encoder.destroyed) return stored.then(() => undefined);
      // A copy, so that the caller can continue while the other thread works.
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

/** Copies bytes into reused buffers: gigabytes of new ones would stay in memory until they are collected. */
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

/** Compresses by a program that writes the file itself: what it stores does not pass through this process. */
export function compressThrough(
  file: string,
  { name: program, args }: CompressingProgram,
  outside: {
    readonly pipes: Pipes;
    readonly environment: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): CompressedFile {
  const { pipes, environment, signal } = outside;
  const stdout = create(file);
  const { child, input } = pipes.sink(program, args, { environment, signal, stdout });
  closeSync(stdout);
  const stored = hashWrites(file);
  let given = 0;
  const failed = async (): Promise<never> => {
    const end = await child.ended;
    signal.throwIfAborted();
    throw toolError(program, end);
  };
  return {
    write(bytes) {
      given += bytes.length;
      const full = writeTo(input, bytes);
      return full?.then(() => (input.destroyed ? failed() : undefined));
    },
    async close() {
      input.end();
      const end = await child.ended;
      if (!end.ok) return failed();
      const [[hashed]] = await Promise.all([
        stored.finish([file]),
        requireWhole({ file, program, bytes: given }, environment),
      ]);
      return hashed!;
    },
    async abort() {
      child.kill();
      input.destroy();
      await child.ended;
      await stored.abandon();
    },
  };
}

function create(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    throw fromErrno(error, `write "${file}"`);
  }
}
