import { compressInside } from './compress-inside.js';
import { compressThrough } from './compress-through.js';
import { type Pipes, WORTH_PIPES_BYTES } from './pipes.js';
import { isInstalled, nodeZstd, startTool } from './programs.js';

type Environment = Readonly<Record<string, string>>;

/** The way a stream is made smaller; `extension` is what plain tar recognises. */
export interface Compression {
  readonly name: 'zstd' | 'gzip';
  readonly extension: '.zst' | '.gz';
  /** null: inside this process. */
  readonly program: CompressingProgram | null;
}

/** One that compresses its stdin to its stdout. */
export interface CompressingProgram {
  readonly name: 'zstd' | 'pigz';
  readonly args: readonly string[];
}

/**
 * The best one that is here: the `zstd` program (it uses every core, outside our memory), Node's own zstd, pigz, Node's gzip at level 1
 * (measured faster than the `gzip` program).
 *
 * @param bytes about how many will be compressed
 */
export async function chooseCompression(
  bytes: number,
  environment: Environment,
  signal: AbortSignal,
): Promise<Compression> {
  if (isInstalled('zstd', environment)) {
    const more = bytes < WORTH_PIPES_BYTES ? [] : await oneReader(environment, signal);
    return { name: 'zstd', extension: '.zst', program: { name: 'zstd', args: ['-q', '-T0', '-1', '-c', ...more] } };
  }
  if (nodeZstd.createZstdCompress) return { name: 'zstd', extension: '.zst', program: null };
  const pigz = { name: 'pigz', args: ['-1', '-c'] } as const;
  return { name: 'gzip', extension: '.gz', program: isInstalled('pigz', environment) ? pigz : null };
}

/**
 * From 1.5.3 on zstd reads and writes on further threads, which copies everything once more: measured, it costs a fifth of its processor
 * time and gains nothing between a pipe and the page cache. Older ones do not know the option.
 */
async function oneReader(environment: Environment, signal: AbortSignal): Promise<string[]> {
  const options = { environment, signal, stdout: 'ignore' } as const;
  const { ok } = await startTool('zstd', [ONE_READER, '--version'], options).ended;
  return ok ? [ONE_READER] : [];
}

const ONE_READER = '--no-asyncio';

/** A file that is written through a compressor. */
export interface CompressedFile {
  /**
   * Takes bytes, which are the caller's again once the promise, if any, is resolved.
   *
   * @throws (the promise) what made the file impossible: E_NO_SPACE, E_IO, E_TOOL_FAILED
   */
  write(bytes: Buffer): Promise<void> | undefined;
  /** Ends the file. Size and SHA-256 are those of the stored bytes. @throws as `write` */
  close(): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Stops at once and resolves when nothing writes any more. Safe at any time, also twice. */
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
