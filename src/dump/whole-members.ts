import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readInside } from '../archive/decompress.js';
import { ArchiveDamage } from '../archive/tar-header.js';

/**
 * Checks that no compressed member of a dump in directory format is truncated. pg_restore 16 and later reads a truncated or emptied member
 * as if it ended there, and succeeds; it does notice damage before the end. Members in gzip are decompressed; of zstd the frames are
 * followed, which needs no program for zstd.
 *
 * @throws ArchiveDamage for the first such member; the signal's reason when aborted; E_IO, E_FILES_DENIED
 * @see RFC 8878, section 3.1.1
 */
export async function checkMembersWhole(dumpFolder: string, signal: AbortSignal): Promise<void> {
  for (const name of (await readdir(dumpFolder)).sort()) {
    signal.throwIfAborted();
    const file = path.join(dumpFolder, name);
    const isWhole = name.endsWith('.zst')
      ? await isWholeZstd(file, signal)
      : !name.endsWith('.gz') || (await isWholeGzip(file, signal));
    if (!isWhole) throw new ArchiveDamage(`the member '${name}' of the dump is truncated or damaged`);
  }
}

async function isWholeGzip(file: string, signal: AbortSignal): Promise<boolean> {
  const handle = await open(file);
  try {
    if ((await handle.stat()).size === 0) return false;
  } finally {
    await handle.close();
  }
  try {
    for await (const _ of readInside(file, 'gzip', signal));
    return true;
  } catch (error) {
    if (error instanceof ArchiveDamage) return false;
    throw error;
  }
}

const FRAME = 0xfd2fb528;
/** The last hex digit of the magic number of a frame with other content is free. */
const SKIPPABLE = 0x184d2a5;
/** Magic number and descriptor. */
const FRAME_START = 5;
const BLOCK_HEADER = 3;
const RLE = 1;
const RESERVED = 3;

async function isWholeZstd(file: string, signal: AbortSignal): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    let at = 0;
    while (at < size) {
      const end = await endOfFrame(handle, at, signal);
      if (end === null || end > size) return false;
      at = end;
    }
    return size > 0;
  } finally {
    await handle.close();
  }
}

/** Returns the offset behind a frame, which may be behind the end of the file; null if it has no end or is not a frame. */
async function endOfFrame(handle: FileHandle, start: number, signal: AbortSignal): Promise<number | null> {
  const head = await readAt(handle, start, 8);
  if (head.length < FRAME_START) return null;
  const magic = head.readUInt32LE(0);
  if (magic >>> 4 === SKIPPABLE) return head.length < 8 ? null : start + 8 + head.readUInt32LE(4);
  if (magic !== FRAME) return null;
  const descriptor = head[4]!;
  let at = start + FRAME_START + fieldsLength(descriptor);
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

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
