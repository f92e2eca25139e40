import path from 'node:path';
import type { FilesPart } from '../catalog/manifest.js';
import { readBlocks, readPieces } from './byte-file.js';
import { type BytePath, compareWalk } from './byte-path.js';
import { compressInside } from './compress.js';
import { readInside } from './decompress.js';
import type { ListedFile } from './engine.js';
import { isListedFile, pathOf } from './listed-file.js';
import { ArchiveDamage } from './tar-header.js';

export const LIST_FILE = 'files.list.ndjson.gz';
const BLOCK_LENGTH = 64 << 10;
const MAX_LINE_LENGTH = 1 << 20;

/** Totals of the list, without superseded members and the tree itself. */
export interface ListTotals {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly bytes: number;
}

/** The result of one round: a file with a line for each member, and the totals. */
export interface ListedRound {
  readonly file: string;
  readonly totals: ListTotals;
}

/**
 * Writes the list file from the lines of all rounds, and marks members that a later round replaced. Every round is in walk order, so a
 * million lines need no memory.
 *
 * @throws E_NO_SPACE, E_IO
 */
export async function writeList(folder: string, rounds: readonly ListedRound[], signal: AbortSignal) {
  const out = compressInside(path.join(folder, LIST_FILE), 'gzip');
  const totals = createTotals();
  try {
    for (const [index, round] of rounds.entries()) {
      totals.add(round.totals, 1);
      const later = rounds.slice(index + 1);
      // Nothing replaces members of the last round, usually the only one: its lines are copied unchanged.
      for (const block of later.length === 0 ? readBlocks(round.file) : markReplaced(round, later, totals)) {
        signal.throwIfAborted();
        await out.write(block);
      }
    }
    return { totals: totals.all(), ...(await out.close()) };
  } catch (error) {
    await out.abort();
    throw error;
  }
}

/** Adds up listed files. */
export interface Totals {
  count(file: ListedFile): void;
  /** @param sign -1 subtracts */
  add(more: ListTotals, sign: 1 | -1): void;
  all(): ListTotals;
}

/** Creates totals that start at zero. */
export function createTotals(): Totals {
  let [files, directories, symlinks, bytes] = [0, 0, 0, 0];
  return {
    count(file) {
      if (file.superseded || file.path === '.') return;
      if (file.type === 'file' || file.type === 'hardlink') files += 1;
      else if (file.type === 'directory') directories += 1;
      else if (file.type === 'symlink') symlinks += 1;
      bytes += file.size;
    },
    add(more, sign) {
      files += sign * more.files;
      directories += sign * more.directories;
      symlinks += sign * more.symlinks;
      bytes += sign * more.bytes;
    },
    all: () => ({ files, directories, symlinks, bytes }),
  };
}

/** Yields the lines of a round in blocks; those replaced by a later round are marked and subtracted from the totals. */
function* markReplaced(round: ListedRound, later: readonly ListedRound[], totals: Totals): Generator<Buffer> {
  const lookups = later.map(({ file }) => createLookup(file));
  const replaced = createTotals();
  let block = '';
  for (const { file, line } of readLines(round.file)) {
    const path = pathOf(file);
    const isReplaced = lookups.some((holds) => holds(path));
    if (isReplaced) replaced.count(file);
    block += `${isReplaced ? JSON.stringify({ ...file, superseded: true }) : line}\n`;
    if (block.length < BLOCK_LENGTH) continue;
    yield Buffer.from(block);
    block = '';
  }
  totals.add(replaced.all(), -1);
  if (block !== '') yield Buffer.from(block);
}

function* readLines(file: string): Generator<{ readonly file: ListedFile; readonly line: string }> {
  for (const piece of readPieces(file, '\n')) {
    const line = Buffer.from(piece, 'latin1').toString('utf8');
    yield { file: JSON.parse(line), line };
  }
}

/** Returns a function that tells whether a round contains a path. Call it in walk order. */
function createLookup(round: string): (path: BytePath) => boolean {
  const lines = readLines(round);
  let next = lines.next();
  return (path) => {
    while (!next.done && compareWalk(pathOf(next.value.file), path) < 0) next = lines.next();
    return !next.done && pathOf(next.value.file) === path;
  };
}

/**
 * Yields the list of a backup's archive members, in archive order.
 *
 * @throws ArchiveDamage if the list is missing, truncated or damaged
 */
export async function* readList(
  folder: string,
  part: FilesPart,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<ListedFile> {
  const file = path.join(folder, part.list_file);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readInside(file, 'gzip', signal)) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (bytes.length - end > MAX_LINE_LENGTH) throw new ArchiveDamage('a line of the list is too long');
    for (const line of bytes.toString('utf8', 0, end).split('\n')) if (line !== '') yield parseLine(line);
    rest = bytes.subarray(end);
  }
  if (rest.length > 0) throw new ArchiveDamage('the list is truncated');
}

function parseLine(line: string): ListedFile {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new ArchiveDamage('a line of the list is not JSON', { cause: error });
  }
  if (!isListedFile(value)) throw new ArchiveDamage('a line of the list has an invalid format');
  return value;
}
