import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { readInside } from '../archive/decompress.js';
import { ArchiveDamage } from '../archive/tar-header.js';

/** Returns the offset behind the frame at `start`, which may be behind the end of the file; null if it has no end or is not a frame. */
type EndOfFrame = (handle: FileHandle, start: number, signal: AbortSignal) => Promise<number | null>;

/**
 * Checks that no compressed member of a dump in directory format is truncated. pg_restore 16 and later reads a truncated or emptied member
 * as if it ended there, and succeeds; it does notice damage before the end. Members in gzip are decompressed; of zstd and lz4 the frames are
 * followed, which needs no other program.
 *
 * @throws ArchiveDamage for the first such member; the signal's reason when aborted; E_IO, E_FILES_DENIED
 * @see RFC 8878, section 3.1.1; lz4_Frame_format.md of LZ4
 */
export async function checkMembersWhole(dumpFolder: string, signal: AbortSignal): Promise<void> {
  const entries = await readdir(dumpFolder, { withFileTypes: true });
  // Anything else in the folder is no member, and a pipe would be waited for.
  const members = entries.filter((entry) => entry.isFile() && MEMBER.test(entry.name)).map(({ name }) => name);
  for (const name of members.sort()) {
    signal.throwIfAborted();
    if (await CHECKS[path.extname(name)]!(path.join(dumpFolder, name), signal)) continue;
    throw new ArchiveDamage(`the member '${name}' of the dump is truncated or damaged`);
  }
}

/** `3342.dat.gz`, `blob_16400.dat.zst`. */
const MEMBER = /\.dat\.(?:gz|zst|lz4)$/;

const CHECKS: Readonly<Record<string, (file: string, signal: AbortSignal) => Promise<boolean>>> = {
  '.gz': isWholeGzip,
  '.zst': (file, signal) => endsWithFrame(file, endOfZstd, signal),
  '.lz4': (file, signal) => endsWithFrame(file, endOfLz4, signal),
};

async function isWholeGzip(file: string, signal: AbortSignal): Promise<boolean> {
  if ((await stat(file)).size === 0) return false;
  try {
    for await (const _ of readInside(file, 'gzip', signal));
    return true;
  } catch (error) {
    if (error instanceof ArchiveDamage) return false;
    throw error;
  }
}

async function endsWithFrame(file: string, endOf: EndOfFrame, signal: AbortSignal): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    let at = 0;
    while (at < size) {
      const end = await endOf(handle, at, signal);
      if (end === null || end > size) return false;
      at = end;
    }
    return size > 0;
  } finally {
    await handle.close();
  }
}

const ZSTD = 0xfd2fb528;
/** The last hex digit of the magic number of a frame with other content is free. */
const SKIPPABLE = 0x184d2a5;
/** Magic number and descriptor. */
const ZSTD_START = 5;
const BLOCK_HEADER = 3;
const RLE = 1;
const RESERVED = 3;

async function endOfZstd(handle: FileHandle, start: number, signal: AbortSignal): Promise<number | null> {
  const head = await readAt(handle, start, 8);
  if (head.length < ZSTD_START) return null;
  const magic = head.readUInt32LE(0);
  if (magic >>> 4 === SKIPPABLE) return head.length < 8 ? null : start + 8 + head.readUInt32LE(4);
  if (magic !== ZSTD) return null;
  const descriptor = head[4]!;
  let at = start + ZSTD_START + fieldsLength(descriptor);
  for (let isLast = false; !isLast; ) {
    signal.throwIfAborted();
    const header = await readAt(handle, at, BLOCK_HEADER);
    if (header.length < BLOCK_HEADER) return null;
    const value = header.readUIntLE(0, BLOCK_HEADER);
    const type = (value >> 1) & 3;
    if (type === RESERVED) return null;
    isLast = (value & 1) === 1;
    at += BLOCK_HEADER + (type === RLE ? 1 : value >> 3);
  }
  const hasChecksum = (descriptor & 4) !== 0;
  return hasChecksum ? at + 4 : at;
}

/** The length of what follows the descriptor of a frame: window, dictionary, size of the content. */
function fieldsLength(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0;
  const contentFlag = descriptor >> 6;
  const content = contentFlag === 0 ? Number(isSingle) : 1 << contentFlag;
  return Number(!isSingle) + [0, 1, 2, 4][descriptor & 3]! + content;
}

const LZ4 = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;

async function endOfLz4(handle: FileHandle, start: number, signal: AbortSignal): Promise<number | null> {
  const head = await readAt(handle, start, 5);
  if (head.length < 5 || head.readUInt32LE(0) !== LZ4) return null;
  const flags = head[4]!;
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const [blockChecksum, contentChecksum] = [has(0x10) ? 4 : 0, has(0x04) ? 4 : 0];
  // Magic number, flags, block size, size of the content, dictionary, checksum of the header.
  let at = start + 6 + (has(0x08) ? 8 : 0) + (has(0x01) ? 4 : 0) + 1;
  for (;;) {
    signal.throwIfAborted();
    const header = await readAt(handle, at, 4);
    if (header.length < 4) return null;
    const size = header.readUInt32LE(0);
    at += 4;
    if (size === 0) return at + contentChecksum;
    at += (size % UNCOMPRESSED) + blockChecksum;
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
