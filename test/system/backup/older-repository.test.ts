import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { potctlHere as potctl } from '../../support/run-main.js';
import { temporaryFolder } from '../../support/tree.js';

/**
 * Written by potctl at commit 7b2efb1, before repositories were built on a storage: `backup create --only files --verify full`, `backup pin`,
 * then `restore run` over changed files. Its files lay in {@link ROOT}. The reserve, which may be missing, is left out.
 */
const FIXTURE = fileURLToPath(new URL('../../fixtures/repositories/before-storage-port', import.meta.url));
const ROOT = '/tmp/potctl-fixture';
const ID = '20261130T175734Z-8d40c8';
const RUN = '6g3p0hbp7v';

let folder: string;
let where: string[];
beforeEach(async () => {
  folder = await temporaryFolder();
  await cp(FIXTURE, folder, { recursive: true, verbatimSymlinks: true });
  const record = path.join(folder, 'repository', 'restores', `${RUN}.json`);
  const text = await readFile(record, 'utf8');
  // The tree was copied, so the record must say where it is now, and that it may still be taken back.
  await writeFile(record, text.replaceAll(ROOT, folder).replace('"undo_until": "2026', '"undo_until": "2099'));
  where = ['--repository', path.join(folder, 'repository')];
});

async function json(args: readonly string[]): Promise<unknown> {
  const ran = await potctl([...args, ...where, '--json']);
  expect([ran.exitCode, ran.stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(ran.stdout);
}

const read = (...names: string[]): Promise<string> => readFile(path.join(folder, ...names), 'utf8');

test('a repository of an older version is listed with its pin, history and restores', async () => {
  expect(JSON.stringify(await json(['backup', 'list', '--all-series']))).toContain(ID);
  const shown = JSON.stringify(await json(['backup', 'show', ID]));
  for (const text of ['court order', '"complete"', RUN, 'files.tar.gz']) expect(shown).toContain(text);
  const runs = JSON.stringify(await json(['restore', 'list']));
  for (const text of [RUN, ID, '"done"']) expect(runs).toContain(text);
});

test('a backup of an older version is fully verified, and damage is found', async () => {
  expect((await potctl(['backup', 'verify', ID, '--level', 'full', ...where])).exitCode).toBe(0);
  await writeFile(path.join(folder, 'repository', 'backups', ID, 'files.tar.gz'), 'not what it was');
  expect((await potctl(['backup', 'verify', ID, '--level', 'full', ...where])).exitCode).toBe(20);
});

test('a backup of an older version is restored', async () => {
  const into = path.join(folder, 'restored');
  const how = ['--only', 'files', '--mode', 'new', '--into-files', into, '--from-series', `files:${ROOT}/storage`];
  const ran = await potctl(['restore', 'run', ID, ...how, ...where]);
  // Only root can give the entries their owner back; what could not be restored is reported.
  expect([ran.exitCode, ran.stderr]).toEqual([process.geteuid?.() === 0 ? 0 : 3, expect.any(String)]);
  expect([await read('restored', 'a.txt'), await read('restored', 'sub', 'b.txt')]).toEqual(['alpha\n', 'beta\n']);
  expect(await read('restored', 'link')).toBe('alpha\n');
});

test('a restore by an older version can be undone', async () => {
  const files = path.join(folder, 'storage');
  expect(await read('storage', 'a.txt')).toBe('alpha\n');
  const ran = await potctl(['restore', 'undo', RUN, '--files', files, ...where, '--confirm', 'storage']);
  expect([ran.exitCode, ran.stderr]).toEqual([0, expect.any(String)]);
  expect(await read('storage', 'a.txt')).toBe('changed\n');
});
