import { rmSync } from 'node:fs';
import { createByteFile, readBlocks, readPieces } from './byte-file.js';
import { toBytes } from './byte-path.js';
import type { WalkEntry } from './walk.js';

const RECORD_BYTES = 48;
const TYPES = ['file', 'directory', 'symlink', 'fifo'] as const;

/** A list of entries in walk order, kept on disk so that a million of them need no memory. */
export interface Spool {
  readonly count: number;
  /** File with the paths for tar's --files-from: each ends in NUL, the root is `.`. */
  readonly names: string;
  entries(): Generator<WalkEntry>;
  remove(): void;
}

export interface SpoolWriter {
  add(entry: WalkEntry): void;
  /** Ends writing and returns the spool. */
  finish(): Spool;
  /** Closes and removes it; safe at any time. */
  discard(): void;
}

/**
 * Creates a spool in `<prefix>.names` and `<prefix>.facts`.
 *
 * @throws E_NO_SPACE, E_IO (also while adding)
 */
export function createSpool(prefix: string): SpoolWriter {
  const names = `${prefix}.names`;
  const facts = `${prefix}.facts`;
  const nameFile = createByteFile(names);
  const factFile = createByteFile(facts);
  const record = new DataView(new ArrayBuffer(RECORD_BYTES));
  const recordBytes = Buffer.from(record.buffer);
  let count = 0;
  const close = (): void => [nameFile, factFile].forEach((file) => void file.close());
  const remove = (): void => [names, facts].forEach((file) => void rmSync(file, { force: true }));
  return {
    add(entry) {
      nameFile.add(toBytes(`${entry.path === '' ? '.' : entry.path}\0`));
      encode(entry, record);
      factFile.add(recordBytes);
      count += 1;
    },
    finish() {
      close();
      return { count, names, entries: () => read(names, facts), remove };
    },
    discard() {
      close();
      remove();
    },
  };
}

function* read(names: string, facts: string): Generator<WalkEntry> {
  const records = readRecords(facts);
  for (const name of readPieces(names, '\0')) {
    const record = records.next();
    if (record.done) return;
    yield decode(name === '.' ? '' : name, record.value);
  }
}

function* readRecords(file: string): Generator<DataView> {
  let rest: Buffer = Buffer.alloc(0);
  for (const block of readBlocks(file)) {
    const bytes = rest.length === 0 ? block : Buffer.concat([rest, block]);
    let at = 0;
    for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
      yield new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_BYTES);
    }
    rest = Buffer.from(bytes.subarray(at));
  }
}

function encode(entry: WalkEntry, record: DataView): void {
  record.setUint8(0, TYPES.indexOf(entry.type));
  record.setFloat64(8, entry.size);
  record.setBigInt64(16, entry.mtimeNs);
  record.setBigInt64(24, entry.ctimeNs);
  record.setBigUint64(32, entry.ino);
  record.setFloat64(40, entry.stored);
}

const decode = (path: string, record: DataView): WalkEntry => ({
  path,
  type: TYPES[record.getUint8(0)] ?? 'file',
  size: record.getFloat64(8),
  mtimeNs: record.getBigInt64(16),
  ctimeNs: record.getBigInt64(24),
  ino: record.getBigUint64(32),
  stored: record.getFloat64(40),
});
