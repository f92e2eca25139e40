import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { photograph, plantTree } from '../support/file-tree.js';
import { filesSite } from '../support/files-backup.js';
import { makeTree, temporaryFolder } from '../support/tree.js';

const text = (...parts: string[]): string => readFileSync(path.join(...parts), 'utf8');

async function site() {
  const tree = await temporaryFolder();
  plantTree(tree, 'old', ['a[1].txt', 'b.txt']);
  linkSync(path.join(tree, 'b.txt'), path.join(tree, 'uploads', 'same-as-b'));
  return filesSite(tree);
}

test('one file is restored byte for byte, with mode and time, and its directories are as they were', async () => {
  const { tree, to, restore } = await site();

  const result = await restore(['uploads/deep/model.stl']);

  expect(result).toMatchObject({ state: 'done', directory: to, restored: 1, directories: 2, skipped: 0, left: [] });
  const wanted = photograph(tree).filter((line) => /^uploads(\/deep(\/model.stl)?)? /.test(line));
  expect(photograph(to).filter((line) => !line.startsWith('. '))).toEqual(wanted);
  expect(readdirSync(to)).toEqual(['uploads']);
});

test('all files are restored as by a full restore: links, pipes, empty directories, modes, names of any bytes', async () => {
  const { tree, to, restore } = await site();
  execFileSync('mkfifo', [path.join(tree, 'pipe')]);
  const again = await filesSite(tree);

  await again.restore(['**']);

  expect(photograph(again.to).slice(1)).toEqual(photograph(tree).slice(1));
  const inode = (name: string): number => statSync(path.join(again.to, name)).ino;
  expect(inode('uploads/same-as-b')).toBe(inode('b.txt'));
  expect(await restore(['.'], { to })).toMatchObject({ skipped: 0 });
});

test('a hard link is restored with its content even if its target was not selected, and nothing else', async () => {
  const { tree, to, restore } = await site();

  const result = await restore(['uploads/same-as-b']);

  expect(result).toMatchObject({ restored: 1, matched: { files: 1 } });
  expect(text(to, 'uploads', 'same-as-b')).toBe('b.txt old');
  expect(readdirSync(to)).toEqual(['uploads']);
  const mtime = (root: string): bigint => lstatSync(path.join(root, 'uploads'), { bigint: true }).mtimeNs;
  expect(mtime(to)).toBe(mtime(tree));
});

describe('names', () => {
  test.each([
    ['a glob at any depth', '**/*.stl', ['uploads']],
    ['a directory with a slash', 'uploads/', ['uploads']],
    ['brackets that belong to the name', 'a[1].txt', ['a[1].txt']],
    ['a path that begins with ./', './b.txt', ['b.txt']],
    ['bytes that are not UTF-8, as they are shown', 'n\\xff\\xfe\n', ['n\xff\xfe\n']],
    ['bytes that are not UTF-8, by a glob', 'n??*', ['n\xff\xfe\n']],
  ])('are found by %s', async (_, glob, names) => {
    const { to, restore } = await site();
    await restore([glob]);
    expect(readdirSync(to, { encoding: 'latin1' })).toEqual(names);
  });

  test('are found with the earlier root in front', async () => {
    const { tree, to, restore } = await site();
    await restore([`${tree}/b.txt`]);
    expect(readdirSync(to)).toEqual(['b.txt']);
  });

  test('that are in no backup are refused with similar ones before anything is created', async () => {
    const { to, restore } = await site();
    const refused = restore(['b.txt', 'uploads/deep/modle.stl']);
    await expect(refused).rejects.toMatchObject({
      code: 'E_PIECE_NOT_FOUND',
      message: expect.stringContaining('modle.stl'),
      fix: expect.arrayContaining([expect.stringContaining("'uploads/deep/model.stl'")]),
    });
    expect(() => readdirSync(to)).toThrow('ENOENT');
  });
});

describe('existing files', () => {
  async function occupied() {
    const made = await site();
    await made.restore(['**']);
    writeFileSync(path.join(made.to, 'b.txt'), 'mine, newer');
    writeFileSync(path.join(made.to, 'plain.txt'), 'mine, older');
    utimesSync(path.join(made.to, 'plain.txt'), 1, 1);
    return made;
  }

  test('are skipped and listed by default', async () => {
    const { to, restore } = await occupied();
    const result = await restore(['*.txt']);
    expect(result).toMatchObject({ restored: 0, overwritten: 0, skipped: 3, obstructed: false });
    expect(result.left).toContainEqual({ path: 'b.txt', reason: 'exists' });
    expect([text(to, 'b.txt'), text(to, 'plain.txt')]).toEqual(['mine, newer', 'mine, older']);
  });

  test('if-newer replaces older files and keeps them', async () => {
    const { to, restore } = await occupied();
    const result = await restore(['*.txt'], { overwrite: 'if-newer' });
    expect(result).toMatchObject({ overwritten: 1, skipped: 2 });
    expect(result.left).toContainEqual({ path: 'b.txt', reason: 'not-newer' });
    expect([text(to, 'b.txt'), text(to, 'plain.txt')]).toEqual(['mine, newer', 'old']);
    expect(text(result.keptIn!, 'plain.txt')).toBe('mine, older');
  });

  test('always replaces files and keeps them', async () => {
    const { to, restore } = await occupied();
    const result = await restore(['b.txt', 'uploads'], { overwrite: 'always' });
    expect(result).toMatchObject({ restored: 0, overwritten: 3, skipped: 0 });
    expect(text(to, 'b.txt')).toBe('b.txt old');
    expect(text(result.keptIn!, 'b.txt')).toBe('mine, newer');
    expect(text(result.keptIn!, 'uploads', 'deep', 'model.stl')).toBe('solid old');
  });

  test('of another kind are never replaced', async () => {
    const { restore } = await site();
    const to = await makeTree({ uploads: 'a file', 'b.txt': { kept: 'in a directory' } });
    const result = await restore(['uploads', 'b.txt', 'plain.txt'], { to, overwrite: 'always' });
    expect(result).toMatchObject({ restored: 1, overwritten: 0, obstructed: true });
    expect(result.left).toEqual([
      { path: 'b.txt', reason: 'other-kind' },
      { path: 'uploads', reason: 'other-kind' },
    ]);
    expect([text(to, 'uploads'), text(to, 'b.txt', 'kept')]).toEqual(['a file', 'in a directory']);
  });
});

test.each(['never', 'always'] as const)(
  'nothing is written outside the target through a planted symbolic link (%s)',
  async (overwrite) => {
    const { restore } = await site();
    const outside = await makeTree({ deep: {}, 'victim.txt': 'victim' });
    const to = await makeTree({
      uploads: { deep: { link: path.join(outside, 'deep') } },
      'b.txt': { link: `${outside}/victim.txt` },
    });
    symlinkSync(outside, path.join(to, 'read-only'));
    const before = photograph(outside);

    const result = await restore(['**'], { to, overwrite });

    expect(photograph(outside)).toEqual(before);
    expect(result.obstructed).toBe(true);
    expect(result.left).toContainEqual({ path: 'uploads/deep', reason: 'other-kind' });
    expect(result.left).toContainEqual({ path: 'read-only', reason: 'other-kind' });
    expect(lstatSync(path.join(to, 'b.txt')).isSymbolicLink()).toBe(overwrite === 'never');
  },
);

test('a dry run reports what would happen, and changes nothing', async () => {
  const { restore, plan, to } = await site();
  const there = await makeTree({ 'b.txt': 'mine', uploads: { deep: 'a file' } });
  const before = photograph(there);

  const planned = await plan(['**'], { to: there, overwrite: 'always' });
  expect(photograph(there)).toEqual(before);
  const real = await restore(['**'], { to: there, overwrite: 'always' });

  const { restored, overwritten, directories } = real;
  expect(planned).toMatchObject({ state: 'planned', restored, overwritten, directories, obstructed: true });
  expect(await plan(['b.txt'])).toMatchObject({ state: 'planned', restored: 1 });
  expect(() => readdirSync(to)).toThrow('ENOENT');
});
