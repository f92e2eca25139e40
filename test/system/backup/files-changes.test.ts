import { createHash } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkArchive } from '../../../src/archive/check.js';
import { compareTree } from '../../../src/archive/compare.js';
import type { ListedFile } from '../../../src/archive/engine.js';
import { extractArchive } from '../../../src/archive/extract.js';
import { readList } from '../../../src/archive/list.js';
import type { FilesPart } from '../../../src/catalog/manifest.js';
import { begin, type Place, place, request } from '../../support/files.js';
import { whileReading } from './tree-writer.js';

const MEGABYTE = 1 << 20;

async function listOf(at: Place, part: FilesPart): Promise<ListedFile[]> {
  const files = [];
  for await (const file of readList(at.folder, part)) files.push(file);
  return files;
}

/** Every backup, whatever happened meanwhile, must be one that passes its check and comes back as its list says. */
async function extracted(at: Place, part: FilesPart): Promise<string> {
  expect(await checkArchive(request(at, part))).toEqual([]);
  await extractArchive({ ...request(at, part), into: at.into });
  expect(await compareTree({ ...request(at, part), root: at.into })).toEqual([]);
  return at.into;
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('while the first pass reads', () => {
  test.each([
    ['grows', (file: string) => appendFileSync(file, 'more')],
    ['shrinks', (file: string) => truncateSync(file, 100)],
    ['is rewritten', (file: string) => writeFileSync(file, Buffer.alloc(20 * MEGABYTE, 'z'))],
    [
      'is replaced',
      (file: string) => {
        writeFileSync(`${file}.new`, Buffer.alloc(20 * MEGABYTE, 'n'));
        renameSync(`${file}.new`, file);
      },
    ],
  ])('a file that %s is read again, and its last state is restored', async (_, change) => {
    const at = place();
    const file = `${at.tree}/busy`;
    writeFileSync(file, Buffer.alloc(20 * MEGABYTE, 'x'));
    const progress = whileReading(5 * MEGABYTE, (time) => time === 1 && change(file));

    const part = await (await begin(at, { progress })).secondPass();

    expect(part).toMatchObject({ files: 1, bytes: statSync(file).size, incomplete: [] });
    expect(sha256(`${await extracted(at, part)}/busy`)).toBe(sha256(file));
  });

  test('a file that vanishes before it is read is named', async () => {
    const at = place();
    writeFileSync(`${at.tree}/a`, Buffer.alloc(20 * MEGABYTE, 'x'));
    mkdirSync(`${at.tree}/b`);
    for (const name of ['b/x', 'c']) writeFileSync(`${at.tree}/${name}`, 'x');
    const progress = whileReading(5 * MEGABYTE, (time) => time === 1 && rmSync(`${at.tree}/b`, { recursive: true }));

    const backup = await begin(at, { progress });
    const part = await backup.secondPass();

    expect(part.incomplete).toEqual([
      { path: 'b', reason: 'vanished' },
      { path: 'b/x', reason: 'vanished' },
    ]);
    expect(part).toMatchObject({ incomplete_total: 2, files: 2 });
    expect([await backup.has('b/x'), await backup.has('c')]).toEqual([false, true]);
    await extracted(at, part);
  });

  test('a file that changed and then vanished is named, because its archived content may be torn', async () => {
    const at = place();
    writeFileSync(`${at.tree}/torn`, Buffer.alloc(20 * MEGABYTE, 'x'));
    const change = (time: number): void => {
      if (time !== 1) return;
      truncateSync(`${at.tree}/torn`, 10);
      rmSync(`${at.tree}/torn`);
    };
    const part = await (await begin(at, { progress: whileReading(5 * MEGABYTE, change) })).secondPass();
    expect(part.incomplete).toEqual([{ path: 'torn', reason: 'changed' }]);
    await extracted(at, part);
  });

  test('nothing below a directory that becomes a symlink is archived', async () => {
    const at = place();
    mkdirSync(`${at.plain}/secret`);
    writeFileSync(`${at.plain}/secret/x`, 'from outside the tree');
    writeFileSync(`${at.tree}/a`, Buffer.alloc(20 * MEGABYTE, 'x'));
    mkdirSync(`${at.tree}/b`);
    writeFileSync(`${at.tree}/b/x`, 'inside');
    const swap = (time: number): void => {
      if (time !== 1) return;
      rmSync(`${at.tree}/b`, { recursive: true });
      symlinkSync(`${at.plain}/secret`, `${at.tree}/b`);
    };
    const part = await (await begin(at, { progress: whileReading(5 * MEGABYTE, swap) })).secondPass();
    const paths = (await listOf(at, part)).map(({ path, type }) => `${type} ${path}`);
    expect(paths).toEqual(['directory .', 'file a', 'directory .', 'symlink b']);
    expect(part.incomplete).toEqual([{ path: 'b/x', reason: 'vanished' }]);
    await extracted(at, part);
  });
});

test('a file that keeps changing is in the backup, and named', async () => {
  const at = place();
  writeFileSync(`${at.tree}/log`, Buffer.alloc(8 * MEGABYTE, 'x'));
  writeFileSync(`${at.tree}/quiet`, 'x');
  const progress = whileReading(MEGABYTE, () => appendFileSync(`${at.tree}/log`, 'line\n'));

  const backup = await begin(at, { progress });
  const part = await backup.secondPass();

  expect(part.incomplete).toEqual([{ path: 'log', reason: 'changed' }]);
  expect(await backup.has('log')).toBe(true);
  const versions = (await listOf(at, part)).filter(({ path }) => path === 'log');
  expect(versions.map(({ superseded }) => superseded ?? false)).toEqual([true, true, true, false]);
  await extracted(at, part);
});

describe('between the passes', () => {
  test('hard links, directories and renames are restored in their final state', async () => {
    const at = place();
    for (const folder of ['d', 'e']) mkdirSync(`${at.tree}/${folder}`);
    for (const name of ['d/a', 'd/b', 'e/c']) writeFileSync(`${at.tree}/${name}`, name);
    linkSync(`${at.tree}/d/a`, `${at.tree}/e/linked`);
    const backup = await begin(at);
    writeFileSync(`${at.tree}/d/a`, 'changed through one name');
    linkSync(`${at.tree}/d/b`, `${at.tree}/e/new-link`);
    renameSync(`${at.tree}/e/c`, `${at.tree}/d/moved`);
    mkdirSync(`${at.tree}/f/g`, { recursive: true });

    const part = await backup.secondPass();
    const into = await extracted(at, part);

    expect(part.incomplete).toEqual([]);
    expect(statSync(`${into}/e/linked`).ino).toBe(statSync(`${into}/d/a`).ino);
    expect(statSync(`${into}/e/new-link`).ino).toBe(statSync(`${into}/d/b`).ino);
    expect(readFileSync(`${into}/e/linked`, 'utf8')).toBe('changed through one name');
    expect(readFileSync(`${into}/e/c`, 'utf8')).toBe('e/c');
    expect(readFileSync(`${into}/d/moved`, 'utf8')).toBe('e/c');
  });

  test('a removed hard link keeps the old content, even if the file changed through its other name', async () => {
    const at = place();
    writeFileSync(`${at.tree}/a`, 'old');
    linkSync(`${at.tree}/a`, `${at.tree}/b`);
    const backup = await begin(at);
    rmSync(`${at.tree}/b`);
    writeFileSync(`${at.tree}/a`, 'new');
    const into = await extracted(at, await backup.secondPass());
    expect([readFileSync(`${into}/a`, 'utf8'), readFileSync(`${into}/b`, 'utf8')]).toEqual(['new', 'old']);
  });

  test('an entry that turns from a directory into a file, or back, is named and does not damage the archive', async () => {
    const at = place();
    mkdirSync(`${at.tree}/d`);
    for (const name of ['d/x', 'f']) writeFileSync(`${at.tree}/${name}`, 'old');
    const backup = await begin(at);
    for (const name of ['d', 'f']) rmSync(`${at.tree}/${name}`, { recursive: true });
    writeFileSync(`${at.tree}/d`, 'a file now');
    mkdirSync(`${at.tree}/f`);
    writeFileSync(`${at.tree}/f/y`, 'new');

    const part = await backup.secondPass();

    expect(part.incomplete.map(({ path, reason }) => `${path} ${reason}`)).toEqual([
      'd changed',
      'f changed',
      'f/y changed',
    ]);
    await extracted(at, part);
  });

  test('a tree that no longer exists is an error', async () => {
    const at = place();
    const backup = await begin(at);
    rmSync(at.tree, { recursive: true });
    await expect(backup.secondPass()).rejects.toMatchObject({ code: 'E_FILES_MISSING' });
  });

  test('paths are found as applications write them', async () => {
    const at = place();
    mkdirSync(`${at.tree}/d`);
    writeFileSync(`${at.tree}/d/é`, 'x');
    symlinkSync('é', `${at.tree}/d/link`);
    const backup = await begin(at);
    await backup.secondPass();
    const asked = ['d/é', './d//é', `${at.tree}/d/é`, '/d/é', 'd/link', 'd', 'é', '', 'd/é/'];
    const answers = [];
    for (const path of asked) answers.push(await backup.has(path));
    expect(answers).toEqual([true, true, true, true, true, false, false, false, true]);
  });
});
