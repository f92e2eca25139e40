/** A member as a hostile or an ordinary archive may have it; names one byte per character (latin1). */
export interface WrittenMember {
  readonly name: string;
  /** The type flag; default `0`, a file. */
  readonly flag?: string;
  readonly content?: Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
  readonly target?: string;
  /** pax records in front of the header. */
  readonly records?: Readonly<Record<string, string>>;
  /** The ustar prefix of the name. */
  readonly prefix?: string;
}

const BLOCK = 512;
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

/** A whole archive in pax format, byte by byte as told, whether it makes sense or not. */
export const tarOf = (...members: readonly WrittenMember[]): Buffer =>
  Buffer.concat([...members.map(memberBytes), END_OF_ARCHIVE]);

/** One member: records, header, content, padding. */
export function memberBytes(member: WrittenMember): Buffer {
  const { records, content = Buffer.alloc(0) } = member;
  const body = Buffer.concat(Object.entries(records ?? {}).map(([keyword, value]) => recordBytes(keyword, value)));
  const extended = records ? [header({ name: './PaxHeaders/x', flag: 'x' }, body.length), pad(body)] : [];
  return Buffer.concat([...extended, header(member, content.length), pad(content)]);
}

function recordBytes(keyword: string, value: string): Buffer {
  const rest = Buffer.from(` ${keyword}=${value}\n`, 'latin1');
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header(member: WrittenMember, size: number): Buffer {
  const { name, flag = '0', mode = 0o644, uid = 0, gid = 0, mtime = 1_600_000_000, target = '', prefix = '' } = member;
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, 'latin1');
  [mode, uid, gid].forEach((number, index) => void block.write(octal(number, 7), 100 + 8 * index, 'latin1'));
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(mtime, 11), 136, 'latin1');
  block.write(`        ${flag}`, 148, 'latin1');
  block.write(target, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345, 155, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return block;
}

const octal = (number: number, digits: number): string => number.toString(8).padStart(digits, '0');

const pad = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(Math.ceil(bytes.length / BLOCK) * BLOCK - bytes.length)]);
