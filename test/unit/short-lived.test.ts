import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeShortLivedFolder, removeShortLivedFolder } from '../../src/kernel/short-lived.js';
import { removeFolder, scratchFolder } from '../support/file-tree.js';

let parent: string;
beforeEach(() => {
  parent = scratchFolder();
});
afterEach(() => removeFolder(parent));

const names = (): string[] => fs.readdirSync(parent).sort();

/** A non-empty folder, named as another process of this machine would name its own. */
async function leave({ pid, startTime }: { pid: number; startTime: string }, machine?: string): Promise<string> {
  const folder = await makeShortLivedFolder(parent, 'pipe');
  const [, kind, made = '', , , letters] = path.basename(folder).split('-');
  const name = ['potctl', kind, machine ?? made, pid, startTime, letters].join('-');
  fs.renameSync(folder, path.join(parent, name));
  fs.writeFileSync(path.join(parent, name, '0'), 'left');
  return name;
}

const deadProcess = () => ({ pid: spawnSync('true').pid, startTime: '1' });

test('the next run removes what a killed run left in the temporary folder', async () => {
  await leave(deadProcess());
  const folder = await makeShortLivedFolder(parent, 'hook');
  expect(names()).toEqual([path.basename(folder)]);
  expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  await removeShortLivedFolder(folder);
  expect(names()).toEqual([]);
});

test('the folder of a running process is kept, and that of a reused pid is not', async () => {
  const own = await makeShortLivedFolder(parent, 'pipe');
  await leave({ pid: process.pid, startTime: '1' });
  const second = await makeShortLivedFolder(parent, 'list');
  expect(names()).toEqual([own, second].map((folder) => path.basename(folder)).sort());
});

test('folders of another machine, boot or container are kept, and so are those that only have a similar name', async () => {
  const { pid } = deadProcess();
  const foreign = await leave({ pid, startTime: '1' }, '0123456789ab');
  const target = scratchFolder();
  const link = await leave({ pid, startTime: '2' });
  // Replaced by a symbolic link before anything sweeps it.
  fs.rmSync(path.join(parent, link), { recursive: true });
  fs.symlinkSync(target, path.join(parent, link));
  fs.writeFileSync(path.join(target, 'kept'), '');
  fs.mkdirSync(path.join(parent, 'potctl-pipe-sBu83m'));
  await removeShortLivedFolder(await makeShortLivedFolder(parent, 'pipe'));
  expect(names()).toEqual([foreign, link, 'potctl-pipe-sBu83m'].sort());
  expect(fs.readdirSync(target)).toEqual(['kept']);
  removeFolder(target);
});

test.skipIf(process.getuid?.() !== 0)('another user’s folder with such a name is kept (needs root)', async () => {
  const name = await leave(deadProcess());
  fs.chownSync(path.join(parent, name), 65_534, 65_534);
  await removeShortLivedFolder(await makeShortLivedFolder(parent, 'pipe'));
  expect(names()).toEqual([name]);
});

test('work does not fail if its folder cannot be removed', async () => {
  await expect(removeShortLivedFolder('/proc/self/fd')).resolves.toBeUndefined();
});
