import { open } from 'node:fs/promises';
import { whyNotDone } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';
import { startTool, toolError } from './programs.js';

export interface Stored {
  readonly file: string;
  readonly program: 'zstd' | 'pigz';
  /** Number of uncompressed bytes. */
  readonly bytes: number;
}

/**
 * Checks that a compressor wrote all of its output, without decompressing: `zstd --list` walks the block headers, and gzip ends with the
 * length of its content.
 *
 * @throws E_TOOL_FAILED
 */
export async function requireWhole(
  { file, program, bytes }: Stored,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const isWhole =
    program === 'zstd' ? await isWholeZstd(file, environment) : (await lengthIn(file)) === bytes % 2 ** 32;
  if (isWhole) return;
  throw new PotctlError('E_TOOL_FAILED', `"${program}" reported success, but its output is incomplete`, {
    why: `"${file}" is truncated`,
  });
}

async function isWholeZstd(file: string, environment: Readonly<Record<string, string>>): Promise<boolean> {
  const end = await startTool('zstd', ['--list', '-q', file], { environment, stdout: 'ignore' }).ended;
  if (!end.ok && whyNotDone(end) !== null) throw toolError('zstd', end);
  return end.ok;
}

/** Reads the last field of a gzip member (RFC 1952): the length of its input modulo 2^32. */
async function lengthIn(file: string): Promise<number> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(4);
    await handle.read(tail, 0, 4, Math.max(0, size - 4));
    return tail.readUInt32LE();
  } finally {
    await handle.close();
  }
}
