import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compareTree } from '../../../src/archive/compare.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { begin, place, request } from '../../support/files.js';

/** A restored tree of files `a`, a link and a hard link, in folders of their own. */
async function restored() {
  const at = place();
  for (const folder of ['1', '2', '3', 'links']) {
    mkdirSync(`${at.tree}/${folder}`);
    writeFileSync(`${at.tree}/${folder}/a`, `content of ${folder}`);
  }
  symlinkSync('a', `${at.tree}/links/symbolic`);
  linkSync(`${at.tree}/links/a`, `${at.tree}/links/hard`);
  const part = await (await begin(at)).secondPass();
  await extractArchive({ ...request(at, part), into: at.into });
  const compare = () => compareTree({ ...request(at, part), root: at.into });
  return { at, compare };
}

/** What is done (in folder `1`), and what is found. The times of the folders, and of `kept`, are put back. */
const DIFFERENCES: readonly [string, string, string, string][] = [
  ['a missing file', 'rm a', '"1/a" is missing', '1'],
  ['another mode', 'chmod 4600 a', '"1/a" has mode 4600 instead of 0644', '1'],
  ['another time', 'touch -d "2020-01-01 00:00:00.5 UTC" a', '"1/a" has mtime 1577836800500000000 ns', '1'],
  ['a shorter file', 'truncate -s 3 a', '"1/a" has 3 bytes instead of 12', '1/a'],
  ['other content of the same length', 'printf C 1<> a', '"1/a" has different content (SHA-256 differs)', '1/a'],
  ['a symlink in the place of a file', 'mv a ../links/b; ln -s ../links/b a', '"1/a" is not a file', '1'],
  ['a directory in the place of a file', 'rm a; mkdir a', '"1/a" is not a file', '1'],
  ['a file too many', 'touch more', '"1/more" exists, but is not in the backup', '1'],
  ['a link that points elsewhere', 'ln -sfn b ../links/symbolic', '"links/symbolic" points to "b"', 'links/symbolic'],
  [
    'a copy in the place of a hard link',
    'cd ../links; cp -p a x; mv x hard',
    '"links/hard" is not a hard link to its target',
    '1',
  ],
];

test('an equal tree has no differences', async () => {
  expect(await (await restored()).compare()).toEqual([]);
});

/** With nanoseconds, as touch takes it. */
const mtimeOf = (file: string): string => execFileSync('stat', ['-c', '%y', file], { encoding: 'utf8' }).trim();

test.each(DIFFERENCES)('%s is found', async (_, script, expected, kept) => {
  const { at, compare } = await restored();
  const keeping = ['1', 'links', kept];
  const times = keeping.map((name) => `${at.into}/${name}`).map((file) => [file, mtimeOf(file)] as const);
  execFileSync('sh', ['-c', script], { cwd: `${at.into}/1` });
  for (const [file, time] of times) execFileSync('touch', ['-h', '-d', time, file]);
  expect(await compare()).toContainEqual(expect.stringContaining(expected));
});

test.skipIf(process.getuid?.() !== 0)('another owner is found (as root)', async () => {
  const { at, compare } = await restored();
  execFileSync('chown', ['-h', '4321', `${at.into}/links/symbolic`]);
  expect(await compare()).toEqual(['"links/symbolic" belongs to 4321:0 instead of 0:0']);
});

test('at most twenty differences are reported', async () => {
  const { at, compare } = await restored();
  for (let n = 0; n < 30; n += 1) writeFileSync(`${at.into}/more-${n}`, '');
  expect(await compare()).toHaveLength(20);
});

test('a missing tree is an error, not a difference', async () => {
  const { at, compare } = await restored();
  execFileSync('rm', ['-r', at.into]);
  await expect(compare()).rejects.toMatchObject({ code: 'E_FILES_MISSING' });
});
