import { closeSync, createReadStream, openSync } from 'node:fs';
import { pipeline } from 'node:stream';
import zlib from 'node:zlib';
import { whyNotDone } from '../kernel/child.js';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import type { Pipes, Take } from './pipes.js';
import { isInstalled, nodeZstd } from './programs.js';
import { ArchiveDamage } from './tar-header.js';

interface DecompressRequest {
  readonly file: string;
  /** The compression in the manifest: `zstd`, `gzip` or `none`. */
  readonly compression: string;
  readonly pipes: Pipes;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Passes the decompressed bytes of a file to `take`. If `take` throws, decompression stops.
 *
 * @throws ArchiveDamage if the file is missing, truncated or damaged (at the latest at its end); E_TOOL_MISSING, E_IO, E_FILES_DENIED;
 * E_TOOL_FAILED if zstd was killed or lacked resources, which proves no damage
 */
export async function decompress(request: DecompressRequest, take: Take): Promise<void> {
  const { file, compression, environment, signal } = request;
  if (compression === 'zstd' && isInstalled('zstd', environment)) return throughProgram(request, take);
  for await (const bytes of readInside(file, compression, signal)) await take(bytes);
}

async function throughProgram({ file, pipes, environment, signal }: DecompressRequest, take: Take): Promise<void> {
  const stdin = openStored(file);
  const { child, read } = pipes.source('zstd', ['-d', '-q', '-c'], { environment, signal, stdin });
  closeSync(stdin);
  try {
    await read(take);
  } catch (error) {
    child.kill();
    await child.ended;
    throw error;
  }
  const end = await child.ended;
  signal.throwIfAborted();
  if (end.ok) return;
  const said = end.stderrTail.at(-1) ?? 'it gave no reason';
  const why = whyNotDone(end) ?? (end.stderrTail.some((line) => REPORTS_DAMAGE.test(line)) ? null : said);
  if (why !== null) throw new PotctlError('E_TOOL_FAILED', '"zstd" failed', { why });
  throw new ArchiveDamage(`zstd cannot decompress it: ${said}`);
}

/** Messages of zstd about damaged, truncated or foreign data. Its other errors are about itself: threads, memory, files. */
const REPORTS_DAMAGE =
  /\((?:36|39)\)|unsupported format|unknown header|premature end|unexpected end|[Cc]orrupt|[Cc]hecksum/;

function openStored(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new ArchiveDamage('it is missing', { cause: error });
    throw fromErrno(error, `read "${file}"`);
  }
}

/** Yields the decompressed bytes of a file, without any program. @throws as {@link decompress} */
export async function* readInside(file: string, compression: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const transform = transformFor(compression);
  const source = createReadStream(file, { fd: openStored(file), signal, highWaterMark: 256 << 10 });
  // Errors are reported by the transform.
  const stream = transform === undefined ? source : pipeline(source, transform, () => {});
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^(?:Z|ZSTD|ERR_ZSTD)_.*MEM/.test(code))
      throw new PotctlError('E_IO', `cannot decompress "${file}"`, { why: 'out of memory', cause: error });
    if (!/^Z_|^ZSTD_|^ERR_ZSTD/.test(code)) throw fromErrno(error, `read "${file}"`);
    throw new ArchiveDamage(`it cannot be decompressed: ${String(error)}`, { cause: error });
  } finally {
    stream.destroy();
    source.destroy();
  }
}

/** Larger than Node's default of 16 KiB, because each chunk is a trip to another thread. */
const CHUNK_BYTES = 128 << 10;

function transformFor(compression: string) {
  if (compression === 'none') return undefined;
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK_BYTES });
  if (compression === 'zstd' && nodeZstd.createZstdDecompress)
    return nodeZstd.createZstdDecompress({ chunkSize: CHUNK_BYTES });
  if (compression === 'zstd') {
    throw new PotctlError('E_TOOL_MISSING', 'cannot read a zstd archive', {
      why: 'this version of Node has no zstd, and the program "zstd" is not installed',
      fix: ['apt install zstd'],
    });
  }
  throw new ArchiveDamage(`its compression ${JSON.stringify(compression)} is unknown`);
}
