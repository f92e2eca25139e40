import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import type { ChildEnd } from '../../child.js';
import { fromErrno } from '../../errors.js';
import { write } from './flow.js';
import { isInstalled, nodeZstd, startTool, toolError } from './programs.js';

/** The way a stream is made smaller; `extension` is what plain tar recognises. */
export interface Compression {
  readonly name: 'zstd' | 'gzip';
  readonly extension: '.zst' | '.gz';
  readonly program: 'zstd' | 'pigz' | null;
}

/**
 * The best one that is here: the `zstd` program (it uses every core, outside our memory), Node's own zstd, pigz, Node's gzip at level 1
 * (measured faster than the `gzip` program).
 */
export function chooseCompression(environment: Readonly<Record<string, string>>): Compression {
  if (isInstalled('zstd', environment)) return { name: 'zstd', extension: '.zst', program: 'zstd' };
  if (nodeZstd.createZstdCompress) return { name: 'zstd', extension: '.zst', program: null };
  return { name: 'gzip', extension: '.gz', program: isInstalled('pigz', environment) ? 'pigz' : null };
}

/** A file that is written through a compressor. */
export interface CompressedFile {
  /** Resolves once more may be written. @throws what made the file impossible: E_NO_SPACE, E_IO, E_TOOL_FAILED */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Ends the file. Size and SHA-256 are those of the stored bytes. */
  close(): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Stops at once and resolves when nothing writes any more. Safe at any time, also twice. */
  abort(): Promise<void>;
}

interface Encoder {
  readonly input: Writable;
  readonly output: Readable;
  /** What the program has to say once it ended; undefined inside this process. */
  readonly ended: Promise<ChildEnd> | undefined;
  readonly kill: () => void;
}

const PROGRAMS = { zstd: ['-q', '-T0', '-1', '-c'], pigz: ['-1', '-c'] } as const;

/** Starts writing `file`, which must not exist yet. */
export function createCompressedFile(
  file: string,
  compression: Compression,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): CompressedFile {
  const encoder = startEncoder(compression, environment, signal);
  const stored = store(encoder, compression, file);
  stored.catch(() => {
    encoder.input.destroy();
    encoder.kill();
  });
  // An error of the input is a consequence: the store tells the cause.
  encoder.input.on('error', () => {});
  return {
    write(bytes) {
      const full = write(encoder.input, bytes);
      return full?.then(() => (encoder.input.destroyed ? stored.then(() => undefined) : undefined));
    },
    async close() {
      encoder.input.end();
      return stored;
    },
    async abort() {
      encoder.kill();
      encoder.input.destroy();
      encoder.output.destroy();
      await stored.catch(() => undefined);
    },
  };
}

function startEncoder(
  { name, program }: Compression,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Encoder {
  if (program !== null) {
    const child = startTool(program, PROGRAMS[program], { environment, signal, stdin: 'pipe' });
    return { input: child.stdin, output: child.stdout, ended: child.ended, kill: child.kill };
  }
  const stream = name === 'gzip' ? zlib.createGzip({ level: 1 }) : createNodeZstd();
  return { input: stream, output: stream, ended: undefined, kill: () => void stream.destroy() };
}

function createNodeZstd() {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = nodeZstd.constants;
  return nodeZstd.createZstdCompress!({ params: { [ZSTD_c_compressionLevel]: 1, [ZSTD_c_checksumFlag]: 1 } });
}

async function store(encoder: Encoder, compression: Compression, file: string) {
  const hash = createHash('sha256');
  let size = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  try {
    await pipeline(encoder.output, counted, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    encoder.kill();
    await encoder.ended;
    throw fromErrno(error, `write "${file}"`);
  }
  const end = await encoder.ended;
  if (end && !end.ok) throw toolError(compression.program ?? compression.name, end);
  return { size, sha256: hash.digest('hex') };
}
