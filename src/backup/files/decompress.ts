import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import zlib from 'node:zlib';
import { fromErrno, isErrno, PotctlError } from '../../errors.js';
import { isInstalled, nodeZstd, startTool } from './programs.js';
import { ArchiveDamage } from './tar-header.js';

interface DecompressRequest {
  readonly file: string;
  /** As the manifest has it: `zstd`, `gzip` or `none`. */
  readonly compression: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * The bytes behind a compressed file. Whoever stops early stops the program, too.
 *
 * @throws ArchiveDamage when the file is missing, cut or damaged (at the latest at its end); E_TOOL_MISSING, E_IO, E_FILES_DENIED
 */
export async function* decompress(request: DecompressRequest): AsyncGenerator<Buffer> {
  const { file, compression, environment, signal } = request;
  assertThere(file);
  if (compression === 'zstd' && isInstalled('zstd', environment)) yield* throughProgram(request);
  else yield* guarded(pipe(file, transformFor(compression), signal), file, signal);
}

function assertThere(file: string): void {
  try {
    if (!statSync(file).isFile()) throw new ArchiveDamage('it is not a file');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new ArchiveDamage('it is missing', { cause: error });
    throw fromErrno(error, `read "${file}"`);
  }
}

async function* throughProgram({ file, environment, signal }: DecompressRequest): AsyncGenerator<Buffer> {
  const child = startTool('zstd', ['-d', '-q', '-c', '--', file], { environment, signal });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const end = await child.ended;
    signal.throwIfAborted();
    if (!end.ok) throw new ArchiveDamage(`zstd cannot decompress it: ${end.stderrTail.at(-1) ?? 'no reason given'}`);
  } finally {
    child.kill();
    await child.ended;
  }
}

function transformFor(compression: string) {
  if (compression === 'none') return undefined;
  if (compression === 'gzip') return zlib.createGunzip();
  if (compression === 'zstd' && nodeZstd.createZstdDecompress) return nodeZstd.createZstdDecompress();
  if (compression === 'zstd') {
    throw new PotctlError('E_TOOL_MISSING', 'cannot read a zstd archive', {
      why: 'this Node has no zstd, and there is no program "zstd"',
      fix: ['apt install zstd'],
    });
  }
  throw new ArchiveDamage(`its compression ${JSON.stringify(compression)} is unknown`);
}

function pipe(file: string, transform: ReturnType<typeof transformFor>, signal: AbortSignal): Readable {
  const source = createReadStream(file, { signal, highWaterMark: 256 << 10 });
  // Errors arrive at whoever reads the transform.
  return transform === undefined ? source : pipeline(source, transform, () => {});
}

async function* guarded(stream: Readable, file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^Z_|^ZSTD_|^ERR_ZSTD/.test(code)) throw new ArchiveDamage(`it cannot be decompressed: ${String(error)}`);
    throw fromErrno(error, `read "${file}"`);
  } finally {
    stream.destroy();
  }
}
