import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createContentHash } from '../../src/archive/content-hash.js';
import { ArchiveDamage, type TarMember } from '../../src/archive/tar-header.js';
import { createTarReader } from '../../src/archive/tar-reader.js';
import { END_OF_ARCHIVE, memberBytes, tarOf } from '../support/tar-writer.js';

/** Everything that a reader tells about a stream that arrives in these pieces. */
function readAll(chunks: readonly Buffer[], drop: (member: TarMember) => boolean = () => false) {
  const hash = createContentHash();
  const members: TarMember[] = [];
  const digests: string[] = [];
  const handedOn: Buffer[] = [];
  const reader = createTarReader({
    data: hash.data,
    hole: hash.hole,
    member(member) {
      members.push(member);
      return drop(member) ? 'drop' : 'keep';
    },
    memberEnd: () => hash.end((digest) => void digests.push(digest)),
  });
  for (const chunk of chunks) handedOn.push(...reader.push(chunk).map((bytes) => Buffer.from(bytes)));
  return { members, digests, handedOn: Buffer.concat(handedOn), ended: reader.ended() };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b).map((cut) => cut % bytes.length), bytes.length].sort(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

const sparseMap = Buffer.from('2\n1000\n3\n4096\n2\n'.padEnd(512, '\0'), 'latin1');
const SPARSE = {
  name: './GNUSparseFile.1/holes',
  content: Buffer.concat([sparseMap, Buffer.from('abcde')]),
  records: {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': 'holes',
    'GNU.sparse.realsize': '5000',
  },
};
const MEMBERS = [
  { name: './', flag: '5' },
  { name: 'small', content: Buffer.from('hello') },
  { name: 'short', content: Buffer.alloc(70_000, 'x'), records: { path: 'a very long name', mtime: '-1.5' } },
  SPARSE,
  { name: 'link', flag: '2', target: '../outside' },
];
const ARCHIVE = tarOf(...MEMBERS);

test('a stream may arrive in pieces of any size', () => {
  const told = (chunks: readonly Buffer[]) => {
    const { handedOn, ...rest } = readAll(chunks);
    return { ...rest, handedOn: sha256(handedOn) };
  };
  const whole = told([ARCHIVE]);
  fc.assert(
    fc.property(fc.array(fc.nat(ARCHIVE.length - 1), { maxLength: 40 }), (cuts) => {
      expect(told(split(ARCHIVE, cuts))).toEqual(whole);
    }),
    { numRuns: 200, seed: 1 },
  );
  expect(whole.members.map(({ path, type }) => [path, type])).toEqual([
    ['', 'directory'],
    ['small', 'file'],
    ['a very long name', 'file'],
    ['holes', 'file'],
    ['link', 'symlink'],
  ]);
  expect(whole.members[2]!.mtimeNs).toBe('-1500000000');
  expect(whole.digests.slice(1, 3)).toEqual([sha256('hello'), sha256('x'.repeat(70_000))]);
});

test('a sparse file is hashed as an application reads it', () => {
  const content = Buffer.alloc(5_000);
  content.write('abc', 1_000);
  content.write('de', 4_096);
  const { members, digests } = readAll([tarOf(SPARSE)]);
  expect(members[0]).toMatchObject({ path: 'holes', size: 5_000, sparse: true });
  expect(digests).toEqual([sha256(content)]);
});

test('a long hole is hashed in slices, without blocking other work', async () => {
  const hash = createContentHash();
  const told: string[] = [];
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  hash.data(Buffer.from('start'));
  hash.hole(200 << 20);
  hash.data(Buffer.from('end'));
  hash.end((digest) => told.push(digest));
  hash.data(Buffer.from('next'));
  hash.end((digest) => told.push(digest));
  expect(told).toEqual([]);
  await hash.settle(new AbortController().signal);
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(1);
  const long = createHash('sha256')
    .update('start')
    .update(Buffer.alloc(200 << 20))
    .update('end')
    .digest('hex');
  expect(told).toEqual([long, sha256('next')]);
});

test('the end-of-archive mark is not forwarded, so that another archive can follow', () => {
  const { handedOn, ended } = readAll(split(ARCHIVE, [700, 9_000, 60_000]));
  expect(ended).toBe(true);
  expect(handedOn.equals(ARCHIVE.subarray(0, ARCHIVE.length - END_OF_ARCHIVE.length))).toBe(true);
});

test('no byte of a dropped member is forwarded', () => {
  const { handedOn } = readAll(split(ARCHIVE, [600, 1_100, 30_000]), (member) => member.path === 'a very long name');
  const kept = Buffer.concat(MEMBERS.filter(({ name }) => name !== 'short').map(memberBytes));
  expect(handedOn.equals(kept)).toBe(true);
});

test('a truncated stream has not ended', () => {
  fc.assert(
    fc.property(fc.nat(ARCHIVE.length - END_OF_ARCHIVE.length), (end) => {
      expect(readAll([ARCHIVE.subarray(0, end)]).ended).toBe(false);
    }),
    { numRuns: 100, seed: 2 },
  );
});

describe('what our tar never writes is refused', () => {
  const sparse = (records: Record<string, string>, map: string) => ({
    ...SPARSE,
    records: { ...SPARSE.records, ...records },
    content: Buffer.concat([Buffer.from(map.padEnd(512, '\0'), 'latin1'), Buffer.from('abcde')]),
  });
  test.each([
    ['a GNU long name', { name: '././@LongLink', flag: 'L', content: Buffer.from('x\0') }],
    ['global records', { name: 'g', flag: 'g', content: Buffer.from('17 path=/etc/x\n\n') }],
    ['an old sparse file', { name: 'x', flag: 'S' }],
    ['an unknown record', { name: 'x', records: { 'LIBARCHIVE.xattr.user.k': 'v' } }],
    ['a record that changes the character set', { name: 'x', records: { hdrcharset: 'BINARY' } }],
    ['a sparse format that we do not know', sparse({ 'GNU.sparse.minor': '1' }, '1\n0\n5\n')],
    ['a sparse map that overlaps itself', sparse({}, '2\n0\n3\n1\n2\n')],
    ['a sparse map beyond the size', sparse({}, '1\n4999\n5\n')],
    ['a sparse map that promises less than there is', sparse({}, '1\n0\n4\n')],
    ['a sparse map that promises more than there is', sparse({}, '1\n0\n6\n')],
    ['a sparse map of letters', sparse({}, 'two\n')],
    ['a directory without its slash', { name: 'directory', flag: '5' }],
    ['a link with content', { name: 'x', flag: '2', target: 'y', content: Buffer.from('z') }],
    ['a size that is no number', { name: 'x', records: { size: '1e3' } }],
    ['a huge size', { name: 'x', records: { size: '99999999999999999999' } }],
    ['a time that is no number', { name: 'x', records: { mtime: 'now' } }],
    ['a name with a NUL', { name: 'x', records: { path: 'a\0b' } }],
  ])('%s', (_, member) => {
    expect(() => readAll([tarOf(member)])).toThrow(ArchiveDamage);
  });

  test('a header whose checksum is wrong', () => {
    const archive = tarOf({ name: 'x' });
    archive[0] = 0x79;
    expect(() => readAll([archive])).toThrow(/checksum/);
  });

  test('data after the end', () => {
    expect(() => readAll([Buffer.concat([ARCHIVE, memberBytes({ name: 'more' })])])).toThrow(/after the end/);
  });
});
