import { type ErrorFacts, PotctlError } from '../kernel/errors.js';
import type { BytePath } from './byte-path.js';

export const BLOCK = 512;

/** One member of an archive, as tar itself would understand it. */
export interface TarMember {
  readonly path: BytePath;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'fifo' | 'device';
  /** Size of the content as an application reads it; 0 for everything but files. */
  readonly size: number;
  /** Bytes in the archive, without padding. */
  readonly stored: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970 as a decimal string. */
  readonly mtimeNs: string;
  readonly target: BytePath | undefined;
  readonly sparse: boolean;
}

/** The archive or its list is damaged, truncated, or was created by another program. `message` says where and what. */
export class ArchiveDamage extends PotctlError {
  override readonly name = 'ArchiveDamage';

  constructor(message: string, facts?: Pick<ErrorFacts, 'cause'>) {
    super('E_BACKUP_CORRUPT', message, facts);
  }
}

const TYPES: Readonly<Record<string, TarMember['type']>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
};
/** The records that our tar command writes, besides extended attributes and ACLs. Any other record could change the meaning of a member. */
const KEYWORDS =
  /^(?:path|linkpath|size|mtime|uid|gid|GNU\.sparse\.(?:major|minor|name|realsize)|SCHILY\.(?:acl\.(?:access|default)|xattr\..+))$/s;

/** pax records by keyword; values one byte per character. */
export type PaxRecords = ReadonlyMap<string, string>;

const NO_RECORDS: PaxRecords = new Map();

/** Returns the type flag of a header block after checking its magic and checksum. @throws ArchiveDamage */
export function flagOf(block: Buffer): string {
  if (MAGIC.some((byte, index) => block[257 + index] !== byte))
    throw new ArchiveDamage('a header is not in ustar format');
  let sum = 8 * 32;
  for (let index = 0; index < 148; index++) sum += block[index]!;
  for (let index = 156; index < BLOCK; index++) sum += block[index]!;
  if (sum !== octal(block, 148, 8)) throw new ArchiveDamage('the checksum of a header is wrong');
  return String.fromCharCode(block[156]!);
}

const MAGIC = [...Buffer.from('ustar\x0000', 'latin1')];

/** Returns the length of what follows a header block. */
export const lengthOf = (block: Buffer): number => octal(block, 124, 12);

/** Parses pax records. @throws ArchiveDamage for a malformed, repeated or unknown record */
export function parseRecords(body: Buffer): PaxRecords {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) throw badRecord();
    const record = body.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    const keyword = record.slice(0, Math.max(0, equals));
    if (!KEYWORDS.test(keyword) || records.has(keyword)) throw badRecord(keyword);
    records.set(keyword, record.slice(equals + 1));
    at = end;
  }
  return records;
}

const badRecord = (keyword = ''): ArchiveDamage =>
  new ArchiveDamage(`an extended header is damaged or has an unexpected record ${JSON.stringify(keyword)}`);

/**
 * Parses the member that a header block and the preceding records describe.
 *
 * @throws ArchiveDamage
 */
export function parseMember(block: Buffer, records: PaxRecords = NO_RECORDS): TarMember {
  const flag = flagOf(block);
  const type = TYPES[flag];
  if (type === undefined) throw new ArchiveDamage(`a member has the unexpected type ${JSON.stringify(flag)}`);
  const sparse = isSparse(records, type);
  const stored = wholeNumber(records, 'size') ?? lengthOf(block);
  if (type !== 'file' && stored !== 0) throw new ArchiveDamage(`a ${type} has content`);
  const name = records.get(sparse ? 'GNU.sparse.name' : 'path') ?? nameIn(block);
  return {
    path: pathOf(name, type),
    type,
    size: sparse ? wholeNumber(records, 'GNU.sparse.realsize')! : stored,
    stored,
    mode: octal(block, 100, 8) & 0o7777,
    uid: wholeNumber(records, 'uid') ?? octal(block, 108, 8),
    gid: wholeNumber(records, 'gid') ?? octal(block, 116, 8),
    mtimeNs: nanoseconds(records.get('mtime')) ?? nanoseconds(String(octal(block, 136, 12)))!,
    target: type === 'symlink' || type === 'hardlink' ? (records.get('linkpath') ?? text(block, 157, 100)) : undefined,
    sparse,
  };
}

function isSparse(records: PaxRecords, type: TarMember['type']): boolean {
  const marks = [...records.keys()].filter((keyword) => keyword.startsWith('GNU.sparse.'));
  if (marks.length === 0) return false;
  const known =
    marks.length === 4 && records.get('GNU.sparse.major') === '1' && records.get('GNU.sparse.minor') === '0';
  if (type !== 'file' || !known) throw new ArchiveDamage('the records of a sparse file are invalid');
  return true;
}

function pathOf(name: string, type: TarMember['type']): BytePath {
  if (name.includes('\0')) throw new ArchiveDamage('a name contains a NUL byte');
  if (type !== 'directory') return name;
  // Only directories end in a slash: tar takes any member whose name ends in one for a directory.
  if (!name.endsWith('/')) throw new ArchiveDamage(`the directory ${JSON.stringify(name)} does not end in a slash`);
  return name === './' ? '' : name.slice(0, -1);
}

function nameIn(block: Buffer): string {
  const prefix = text(block, 345, 155);
  const name = text(block, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Returns a text field of a header: up to its NUL, or its whole length. */
export function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end);
}

/** Parses an octal field: leading spaces, octal digits, then spaces and NULs, as tar does. */
function octal(block: Buffer, at: number, length: number): number {
  let index = at;
  let value = 0;
  while (index < at + length && block[index] === SPACE) index++;
  const start = index;
  for (; index < at + length && block[index]! >= ZERO && block[index]! < ZERO + 8; index++) {
    value = value * 8 + block[index]! - ZERO;
  }
  const digits = index > start;
  while (index < at + length && (block[index] === SPACE || block[index] === 0)) index++;
  if (!digits || index < at + length) throw new ArchiveDamage('a number in a header is damaged');
  return value;
}

const SPACE = 0x20;
const ZERO = 0x30;

function wholeNumber(records: PaxRecords, keyword: string): number | undefined {
  const value = records.get(keyword);
  if (value === undefined) return undefined;
  if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) throw badRecord(keyword);
  return Number(value);
}

/** Converts seconds such as `1700000000.5` to nanoseconds, as digits. */
export function nanoseconds(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const parts = /^(-?)0*(\d{1,12})(?:\.(\d{1,9}))?$/.exec(value);
  if (!parts) throw badRecord('mtime');
  const [, sign, seconds, fraction = ''] = parts;
  const magnitude = (seconds! + fraction.padEnd(9, '0')).replace(LEADING_ZEROS, '');
  return magnitude === '0' ? '0' : sign + magnitude;
}

const LEADING_ZEROS = /^0+(?=\d)/;
