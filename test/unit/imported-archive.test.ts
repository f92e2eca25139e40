import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { compareTree } from '../../src/archive/compare.js';
import { checkImported, listImported } from '../../src/archive/imported/archive.js';
import { extractImported } from '../../src/archive/imported/extract.js';
import type { FilesPart } from '../../src/catalog/manifest.js';
import { memberBytes, tarOf, type WrittenMember } from '../support/tar-writer.js';
import { describeTree, makeTree, temporaryFolder } from '../support/tree.js';

const signal = new AbortController().signal;
const progress = (): void => {};
const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };

async function archived(file: string, stripTop = true) {
  const folder = await temporaryFolder();
  const into = await temporaryFolder();
  execFileSync('cp', [file, path.join(folder, 'files.tar')]);
  const archive = { file: path.join(folder, 'files.tar'), compression: 'none', stripTop };
  const { totals, topFolder, skipped } = await listImported(archive, folder, { signal, progress });
  const part = {
    ...{ backup_file: 'files.tar', list_file: 'files.list.ndjson.gz', compression: 'none', engine: 'tar' },
    ...{ ...totals, top_folder: topFolder, excludes: [] },
  } as unknown as FilesPart;
  return { folder, part, into, skipped, request: { folder, part, into, environment, signal, progress } };
}

/** Everything that must be so of an archive: it is what its list says, and what lies on disk afterwards, too. */
async function restored(file: string, stripTop = true): Promise<string> {
  const { request, folder, part, into } = await archived(file, stripTop);
  expect(await checkImported(request)).toEqual([]);
  await extractImported(request);
  expect(await compareTree({ folder, part, root: into, signal, progress })).toEqual([]);
  return into;
}

async function sample(): Promise<string> {
  const root = await makeTree({ 'a.txt': 'alpha', sub: { deep: { 'b.bin': 'x'.repeat(70_000) } }, empty: {} });
  const long = path.join(root, 'n'.repeat(90));
  mkdirSync(long);
  writeFileSync(path.join(long, `${'m'.repeat(99)}.txt`), 'long');
  linkSync(path.join(root, 'a.txt'), path.join(root, 'hard.txt'));
  symlinkSync('../outside', path.join(root, 'soft'));
  symlinkSync(`sub/${'l'.repeat(120)}`, path.join(root, 'long-link'));
  writeFileSync(path.join(root, 'naïve ü'), 'utf8');
  execFileSync('touch', ['-d', '2020-02-02 02:02:02', path.join(root, 'a.txt')]);
  return root;
}

const inSeconds = async (root: string): Promise<string[]> =>
  (await describeTree(root)).map((line) => line.replace(/(\d{10})\d{9}/, '$1'));

async function tar(root: string, ...args: readonly string[]): Promise<string> {
  const file = path.join(await temporaryFolder(), 'x.tar');
  execFileSync('tar', ['-cf', file, ...args, '-C', path.dirname(root), path.basename(root)]);
  return file;
}

describe('an archive of tar is restored unchanged', () => {
  test.each(['gnu', 'oldgnu', 'pax', 'posix'])('in the format %s', async (format) => {
    const root = await sample();
    expect(await inSeconds(await restored(await tar(root, `--format=${format}`)))).toEqual(await inSeconds(root));
  });

  test.each(['ustar', 'v7'])('in the format %s, which has short names only', async (format) => {
    const root = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' }, empty: {} });
    expect(await inSeconds(await restored(await tar(root, `--format=${format}`)))).toEqual(await inSeconds(root));
  });

  test('without a folder at the top, with a dot, and with the folder kept', async () => {
    const root = await makeTree({ only: { 'a.txt': 'alpha' } });
    const file = path.join(await temporaryFolder(), 'x.tar');
    execFileSync('tar', ['-cf', file, '-C', root, '.']);
    expect(await inSeconds(await restored(file))).toEqual(await inSeconds(root));
    execFileSync('tar', ['-cf', file, '-C', root, 'only']);
    expect(readdirSync(await restored(file))).toEqual(['a.txt']);
    expect(readdirSync(await restored(file, false))).toEqual(['only']);
  });

  test('with folders without a member, and files that appear twice', async () => {
    const root = await makeTree({ top: { sub: { 'a.txt': 'old', 'b.txt': 'beta' } } });
    const file = path.join(await temporaryFolder(), 'x.tar');
    execFileSync('tar', ['-cf', file, '-C', root, 'top/sub/a.txt', 'top/sub/b.txt']);
    writeFileSync(path.join(root, 'top/sub/a.txt'), 'new');
    execFileSync('tar', ['-rf', file, '-C', root, 'top/sub/a.txt']);
    expect(await inSeconds(await restored(file))).toEqual(await inSeconds(path.join(root, 'top')));
  });
});

const link = (name: string, target: string): WrittenMember => ({ name, flag: '2', target });
const file = (name: string): WrittenMember => ({ name, content: Buffer.from('owned') });
const ordinary = file('a/b');

test.each<[string, WrittenMember[], RegExp]>([
  ['an absolute path', [file('/etc/owned')], /absolute path/],
  ['a path that climbs', [ordinary, file('a/../../owned')], /outside the tree/],
  ['a path that climbs, in a long name', [{ ...file('x'), records: { path: 'a/../../owned' } }], /outside the tree/],
  ['a file behind a link', [link('a', '/tmp'), file('a/owned')], /behind a symbolic link/],
  ['a file behind a link below', [link('a/l', '..'), file('a/l/owned')], /behind a symbolic link/],
  ['a folder in place of a link', [link('a', '/tmp'), { name: 'a/', flag: '5' }], /both a symbolic link/],
  ['a hard link to the outside', [{ name: 'a', flag: '1', target: '/etc/passwd' }], /absolute path/],
  ['a hard link that climbs', [{ name: 'a', flag: '1', target: '../x' }], /outside the tree/],
  [
    'a hard link through a link',
    [link('l', '/etc'), { name: 'a', flag: '1', target: 'l/passwd' }],
    /behind a symbolic link/,
  ],
  [
    'a hard link to a link',
    [link('l', '/etc/passwd'), { name: 'a', flag: '1', target: 'l' }],
    /hard link to a symbolic/,
  ],
  ['a global header', [{ name: 'g', flag: 'g', content: Buffer.from('19 path=/etc/owned\n') }], /global header/],
  ['a sparse file', [{ name: 's', flag: 'S' }], /sparse/],
  ['an unknown member', [{ name: 's', flag: 'M' }], /unexpected type/],
])('%s is refused, and nothing is extracted', async (_, members, why) => {
  const place = path.join(await temporaryFolder(), 'x.tar');
  writeFileSync(place, tarOf(...members));
  await expect(archived(place)).rejects.toMatchObject({
    code: 'E_BACKUP_CORRUPT',
    message: expect.stringMatching(why),
  });
});

test('an archive replaced after it was listed cannot leave the tree either', async () => {
  const place = path.join(await temporaryFolder(), 'x.tar');
  writeFileSync(place, tarOf(file('t/a'), file('t/b')));
  const { request, folder, into } = await archived(place);
  writeFileSync(path.join(folder, 'files.tar'), tarOf(link('t/a', '/tmp'), file('t/a/owned')));
  await expect(extractImported(request)).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  expect(readdirSync(into)).toEqual([]);
  expect(await checkImported(request)).toEqual([expect.stringContaining('behind a symbolic link')]);
});

test('devices are skipped and named; truncated and changed archives are detected', async () => {
  const place = path.join(await temporaryFolder(), 'x.tar');
  const whole = tarOf(file('t/a'), { name: 't/null', flag: '3' }, file('t/b'));
  writeFileSync(place, whole);
  const { request, folder, skipped } = await archived(place);
  expect(skipped).toEqual([{ path: 't/null', reason: 'device' }]);

  writeFileSync(path.join(folder, 'files.tar'), tarOf(file('t/a'), { name: 't/b', content: Buffer.from('other') }));
  expect(await checkImported(request)).toEqual([expect.stringContaining('"b" differs from the list')]);
  for (const cut of [whole.length - 1024, 1300, 700, 100]) {
    writeFileSync(place, whole.subarray(0, cut));
    await expect(archived(place), String(cut)).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  }
  writeFileSync(place, Buffer.concat([memberBytes(ordinary).fill(1, 20, 30), Buffer.alloc(1024)]));
  await expect(archived(place)).rejects.toMatchObject({ message: expect.stringMatching(/checksum/) });
});
