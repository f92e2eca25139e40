import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { type ChildEnd, type ChildOptions, startChild } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';

/** Returns whether a program is on the children's PATH. */
export function isInstalled(program: string, environment: Readonly<Record<string, string>>): boolean {
  return (environment['PATH'] ?? '').split(path.delimiter).some((folder) => {
    if (folder === '') return false;
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Zstandard of Node (22.15 and later); undefined in older versions. */
export const nodeZstd = zlib as unknown as {
  readonly createZstdCompress?: (options: {
    readonly params: Readonly<Record<number, number>>;
    readonly chunkSize: number;
  }) => Transform;
  readonly createZstdDecompress?: (options: { readonly chunkSize: number }) => Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_c_checksumFlag: number };
};

/** Returns why an archive with this compression cannot be read here; null = it can. gzip is built into Node. */
export function decompressionBlocker(
  compression: string,
  environment: Readonly<Record<string, string>>,
): string | null {
  if (compression !== 'zstd' || nodeZstd.createZstdDecompress || isInstalled('zstd', environment)) return null;
  return 'the files are a zstd archive: this version of Node has no zstd, and the program "zstd" is not installed';
}

/** Starts a child as {@link startChild} does, with messages in the C locale. */
export const startTool: typeof startChild = (file: string, args: readonly string[], options: ChildOptions) =>
  startChild(file, args, { ...options, environment: { ...options.environment, LC_ALL: 'C' } });

/** tar only reports how many bytes it could write. */
const NO_SPACE = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/i;
/** Exit status of setpriv, env and shells if the program does not exist. */
const NOT_FOUND = 127;

/**
 * Returns the error for a program that failed: E_TOOL_MISSING if it could not be started, E_NO_SPACE if its last messages say so, else
 * E_TOOL_FAILED.
 */
export function toolError(program: string, end: ChildEnd): PotctlError {
  if (end.startError !== null || end.exitCode === NOT_FOUND) {
    return new PotctlError('E_TOOL_MISSING', `cannot start "${program}"`, {
      why: end.startError ?? end.stderrTail.join('\n'),
      fix: [`apt install ${program}`],
    });
  }
  const why =
    end.stderrTail.slice(-5).join('\n') ||
    (end.signal === null ? `it exited with status ${end.exitCode}` : `it was killed by ${end.signal}`);
  const full = end.stderrTail.some((line) => NO_SPACE.test(line));
  return new PotctlError(full ? 'E_NO_SPACE' : 'E_TOOL_FAILED', `"${program}" failed`, { why });
}
