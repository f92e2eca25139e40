import { ArchiveDamage, BLOCK, nanoseconds, type TarMember, text } from '../tar-header.js';

/** pax records by keyword, from any program; values one byte per character. */
export type ImportedRecords = ReadonlyMap<string, string>;

/** What precedes a header and belongs to its member. */
export interface Ahead {
  readonly records: ImportedRecords;
  /** GNU long names; undefined = use the name in the header. */
  readonly name: string | undefined;
  readonly link: string | undefined;
}

/** A member of an archive of another program, with the name in the archive. */
export interface ImportedMember extends Omit<TarMember, 'sparse'> {
  /** Extended attributes and ACLs, as pax records. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** What a header block starts. */
export type ImportedKind = 'member' | 'longname' | 'longlink' | 'records' | 'global';

const KINDS: Readonly<Record<string, ImportedKind>> = {
  L: 'longname',
  K: 'longlink',
  x: 'records',
  X: 'records',
  g: 'global',
};
const TYPES: Readonly<Record<string, TarMember['type']>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
};

/** Returns what a header block starts. @throws ArchiveDamage if the checksum is wrong */
export function kindOf(block: Buffer): ImportedKind {
  let sum = 8 * 32;
  for (let index = 0; index < BLOCK; index++) if (index < 148 || index >= 156) sum += block[index]!;
  if (sum !== number(block, 148, 8))
    throw new ArchiveDamage('the checksum of a header is wrong: it is damaged or not a tar archive');
  return KINDS[flagOf(block)] ?? 'member';
}

/** Returns the number of bytes that follow the block, without padding. */
export const sizeOf = (block: Buffer): number => number(block, 124, 12);

/** Parses pax records of any program. @throws ArchiveDamage if they are malformed */
export function parseImportedRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, space);
    const end = at + Number(digits);
    const equals = body.indexOf(0x3d, space);
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > body.length || body[end - 1] !== 0x0a || equals < 0 || equals >= end) {
      throw new ArchiveDamage('an extended header is damaged');
    }
    records.set(body.toString('latin1', space + 1, equals), body.toString('latin1', equals + 1, end - 1));
    at = end;
  }
  return records;
}

/**
 * Parses the member that a header describes, in the formats of GNU tar, POSIX (ustar, pax) and old Unix.
 *
 * @throws ArchiveDamage for unknown types, and for sparse files
 */
export function parseImported(block: Buffer, { records, name, link }: Ahead): ImportedMember {
  const flag = flagOf(block);
  const given = records.get('path') ?? name ?? nameIn(block);
  const type = flag === '\0' && given.endsWith('/') ? 'directory' : TYPES[flag];
  refuseUnknown(type, flag, records);
  const size = type === 'file' ? (whole(records, 'size') ?? sizeOf(block)) : 0;
  if (type === 'hardlink' && sizeOf(block) !== 0) throw new ArchiveDamage('a hard link has content of its own');
  const seconds = number(block, 136, 12);
  return {
    path: given,
    type: type!,
    size,
    stored: size,
    mode: number(block, 100, 8) & 0o7777,
    uid: whole(records, 'uid') ?? number(block, 108, 8),
    gid: whole(records, 'gid') ?? number(block, 116, 8),
    mtimeNs: nanoseconds(shortened(records.get('mtime'))) ?? nanoseconds(String(seconds))!,
    target:
      type === 'symlink' || type === 'hardlink'
        ? (records.get('linkpath') ?? link ?? text(block, 157, 100))
        : undefined,
    attributes: new Map([...records].filter(([keyword]) => /^SCHILY\.(?:xattr|acl)\./.test(keyword))),
  };
}

function refuseUnknown(type: TarMember['type'] | undefined, flag: string, records: ImportedRecords): void {
  const sparse = flag === 'S' || [...records.keys()].some((keyword) => keyword.startsWith('GNU.sparse.'));
  if (sparse)
    throw new ArchiveDamage(
      'it contains sparse files in a format that potctl does not support: unpack it and archive it again without --sparse',
    );
  if (type === undefined) throw new ArchiveDamage(`a member has the unexpected type ${JSON.stringify(flag)}`);
  if (records.has('hdrcharset'))
    throw new ArchiveDamage('it declares an encoding for its names (hdrcharset), which potctl does not support');
}

const flagOf = (block: Buffer): string => String.fromCharCode(block[156]!);

function nameIn(block: Buffer): string {
  // GNU tar uses the bytes of the POSIX prefix for other fields.
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Parses octal, or GNU's base 256 for numbers that are too large or negative. */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at]!;
  if (first === 0x80 || first === 0xff) {
    let value = first === 0xff ? -1n : 0n;
    for (let index = at + 1; index < at + length; index++) value = (value << 8n) | BigInt(block[index]!);
    const result = Number(value);
    if (Number.isSafeInteger(result)) return result;
    throw new ArchiveDamage('a number in a header is damaged');
  }
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveDamage('a number in a header is damaged');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function whole(records: ImportedRecords, keyword: string): number | undefined {
  const value = records.get(keyword);
  if (value === undefined) return undefined;
  if (/^\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value);
  throw new ArchiveDamage(`an extended header has an invalid ${keyword}`);
}

/** Drops digits beyond nanoseconds. */
const shortened = (time: string | undefined): string | undefined => time?.replace(/(\.\d{9})\d+$/, '$1');
