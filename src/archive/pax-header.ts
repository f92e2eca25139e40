import { BLOCK, type TarMember } from './tar-header.js';

const FLAGS: Readonly<Record<TarMember['type'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  directory: '5',
  fifo: '6',
  device: '3',
};
const NANOSECONDS = 9;

/**
 * Returns the header of a member in pax format. Every field is in an extended header, so that no length and no byte is a special case.
 *
 * @param attributes further records: extended attributes and ACLs
 */
export function paxHeader(member: TarMember, attributes: ReadonlyMap<string, string>): Buffer {
  const { type, path, target } = member;
  const name = type === 'directory' ? `${path === '' ? '.' : path}/` : path;
  const records = new Map([
    ['path', name],
    ['mtime', seconds(member.mtimeNs)],
    ['size', String(member.stored)],
    ['uid', String(member.uid)],
    ['gid', String(member.gid)],
    ...(target === undefined ? [] : ([['linkpath', target]] as const)),
    ...attributes,
  ]);
  const body = Buffer.concat([...records].map(([keyword, value]) => record(keyword, value)));
  return Buffer.concat([
    block('./PaxHeaders', 'x', body.length, 0o600),
    padded(body),
    block('member', FLAGS[type], 0, member.mode),
  ]);
}

/** Returns the zeros that fill the last block of a content. */
export const padding = (size: number): Buffer => Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK - size);

function record(keyword: string, value: string): Buffer {
  const rest = Buffer.from(` ${keyword}=${value}\n`, 'latin1');
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** `-1500000000` → `-1.500000000`. */
function seconds(nanoseconds: string): string {
  const sign = nanoseconds.startsWith('-') ? '-' : '';
  const digits = nanoseconds.replace('-', '').padStart(NANOSECONDS + 1, '0');
  return `${sign}${digits.slice(0, -NANOSECONDS)}.${digits.slice(-NANOSECONDS)}`;
}

function block(name: string, flag: string, size: number, mode: number): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(name, 0, 100, 'latin1');
  for (const [value, at] of [
    [mode, 100],
    [0, 108],
    [0, 116],
  ] as const)
    bytes.write(octal(value, 7), at, 'latin1');
  bytes.write(octal(size, 11), 124, 'latin1');
  bytes.write(octal(0, 11), 136, 'latin1');
  bytes.write(`        ${flag}`, 148, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return bytes;
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, padding(bytes.length)]);
