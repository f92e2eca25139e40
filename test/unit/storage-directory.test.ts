import { statSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lutimes,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDirectory } from '../../src/storage/directory/directory.js';
import { claimName } from '../../src/storage/directory/durable.js';
import type { Storage } from '../../src/storage/storage.js';
import { LAYOUT } from '../contract/storage.js';
import { temporaryFolder } from '../support/tree.js';

const LAST = { 'last.json': '{}\n' };

let root: string;
let storage: Storage;
beforeEach(async () => {
  root = path.join(await temporaryFolder(), 'place');
  storage = await openDirectory(root, LAYOUT);
  await storage.create();
});

async function committed(name: string): Promise<string> {
  const staging = await storage.groups.begin(name);
  await writeFile(path.join(staging!.folder, 'value'), 'alpha', { mode: 0o666 });
  await staging!.commit(LAST, async () => {});
  return path.join(root, 'groups', name);
}

const modeOf = async (...names: string[]): Promise<number> => (await stat(path.join(root, ...names))).mode & 0o777;

test('only the owner may enter and read; readable values may be read by all, and a group is never changed', async () => {
  await storage.put('folder/value', 'x');
  await storage.put('marker', 'x', { create: true, readable: true });
  await committed('g1');
  const modes = [[''], ['folder'], ['folder', 'value'], ['marker'], ['groups', 'g1'], ['groups', 'g1', 'value']];
  expect(await Promise.all(modes.map((names) => modeOf(...names)))).toEqual([
    ...[0o700, 0o700, 0o600, 0o644, 0o700, 0o400],
  ]);
});

test('a file whose first line could not be written does not exist: an empty one would look as if its lines were lost', async () => {
  const handle = await open(path.join(root, '..'), 'r');
  const methods = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const failing = [vi.spyOn(methods, 'write'), vi.spyOn(methods, 'writeFile')];
  onTestFinished(() => {
    for (const spy of failing) spy.mockRestore();
  });
  for (const spy of failing) spy.mockRejectedValue(new Error('EIO'));

  await expect(storage.append('folder/log', 'one')).rejects.toThrow('EIO');

  expect(await readdir(path.join(root, 'folder'))).toEqual([]);
  for (const spy of failing) spy.mockRestore();
  await storage.append('folder/log', 'one');
  expect(await storage.get('folder/log')).toEqual(Buffer.from('one\n'));
});

test.each(['../outside', 'a/../../outside', '/etc/hostname', 'a//b', '', 'a/.'])('%j is no key', async (key) => {
  await expect((async () => storage.get(key))()).rejects.toThrow(/not a key/);
  await expect(storage.put(key, 'x')).rejects.toThrow(/not a key/);
});

test('a value is not read through a link, neither in its name nor in its folder', async () => {
  await writeFile(`${root}.outside`, 'secret');
  await symlink(`${root}.outside`, path.join(root, 'link'));
  await mkdir(path.join(root, 'real'));
  await writeFile(path.join(root, 'real', 'value'), 'x');
  await symlink('real', path.join(root, 'folder'));
  for (const key of ['link', 'folder/value', 'real'])
    await expect(storage.get(key)).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  expect([await storage.stat('link'), await storage.localFile('link')]).toEqual([null, undefined]);
  await expect(storage.append('link', 'x')).rejects.toThrow('ELOOP');
  expect(await readFile(`${root}.outside`, 'utf8')).toBe('secret');
});

test('something else in place of a group is reported, and so are special files in its folder', async () => {
  await committed('g1');
  await symlink('/etc', path.join(root, 'groups', 'g1', 'etc'));
  await symlink('g1', path.join(root, 'groups', 'g2'));
  expect((await storage.groups.localFolder('g1')).odd).toBe('etc');
  expect([await storage.groups.stateOf('g1'), await storage.groups.stateOf('g2')]).toEqual(['complete', 'odd']);
  expect(await storage.groups.begin('g2')).toBeNull();
});

test('a storage inside a group is never removed with it, and does not stop a sweep', async () => {
  const folder = await committed('g1');
  await writeFile(path.join(folder, 'potctl-repository.json'), '{"format":"potctl.repository"}');
  await expect(storage.groups.removal('g1')).rejects.toMatchObject({ code: 'E_REFUSED' });
  const staging = await storage.groups.begin('g2');
  await writeFile(path.join(staging!.folder, 'potctl-repository.json'), '{"format":"potctl.repository"}');
  expect(await storage.groups.sweep(async () => {})).toEqual([staging!.folder]);
  expect((await readdir(path.join(root, 'groups'))).sort()).toEqual(['g1', 'g2.partial']);
});

test('old remains of dead writers are removed, and foreign files never are', async () => {
  const names = ['.value.0123456789ab.tmp', '.value.aaaaaaaaaaaa.tmp', '.other.0123456789ab.tmp', 'lock.0123456789ab'];
  for (const name of names) await writeFile(path.join(root, name), 'half');
  for (const name of [names[0]!, names[2]!]) await utimes(path.join(root, name), 1, 1);
  const now = await storage.now('lock');
  await storage.tidy('', (name) => name === 'value', now);
  await storage.claims.sweep('lock', async (text) => text === 'dead', now);
  expect((await readdir(root)).sort()).toEqual([names[2], names[1], names[3]].sort());
  await storage.claims.sweep('lock', async (text) => text === 'half', now);
  expect((await readdir(root)).sort()).toEqual([names[2], names[1]].sort());
});

test('a temporary name that a killed writer could not remove any more goes at once; the value stays', async () => {
  await storage.append('folder/log', 'one');
  await link(path.join(root, 'folder', 'log'), path.join(root, 'folder', '.log.0123456789ab.tmp'));
  await writeFile(path.join(root, 'folder', '.log.aaaaaaaaaaaa.tmp'), 'being written');
  await storage.tidy('folder', (name) => name === 'log', await storage.now('lock'));
  expect((await readdir(path.join(root, 'folder'))).sort()).toEqual(['.log.aaaaaaaaaaaa.tmp', 'log']);
});

test.skipIf(process.getuid?.() !== 0)(
  'values written by root get the owner of the given folder (needs root)',
  async () => {
    await chown(await committed('g1'), 65_534, 65_534);
    await storage.append('groups/g1/log', 'x', { ownedLike: 'groups/g1' });
    await storage.put('folder/value', 'x', { ownedLike: 'groups/g1' });
    const owners = ['groups/g1/log', 'folder/value', 'folder', 'groups'].map((name) => stat(path.join(root, name)));
    expect((await Promise.all(owners)).map(({ uid }) => uid)).toEqual([65_534, 65_534, 65_534, 0]);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'values written by root have the owner of the given folder as soon as they have their name (needs root)',
  async () => {
    await chown(await committed('g1'), 65_534, 65_534);
    async function* bytes(): AsyncIterable<Uint8Array> {
      yield Buffer.from('x');
    }
    for (const [at, content] of ['x', bytes(), { file: '/etc/hostname' }].entries()) {
      const seen = new Set<number>();
      let isDone = false;
      const look = (): void => {
        const facts = statSync(path.join(root, `value${at}`), { throwIfNoEntry: false });
        if (facts !== undefined) seen.add(facts.uid);
        if (!isDone) setImmediate(look);
      };
      look();
      await storage.put(`value${at}`, content, { ownedLike: 'groups/g1' });
      isDone = true;
      look();
      expect([...seen]).toEqual([65_534]);
    }
  },
);

test('a write does not create a storage again that is gone', async () => {
  const gone = await openDirectory(path.join(path.dirname(root), 'gone'), LAYOUT);
  await expect(gone.put('folder/value', 'x')).rejects.toThrow('ENOENT');
  await expect(gone.append('log', 'x')).rejects.toThrow('ENOENT');
  expect(await readdir(path.dirname(root))).toEqual(['place']);
});

test('a claim that is moved aside for a moment to check it is reported as taken by its owner', async () => {
  const current = new Int32Array(new SharedArrayBuffer(4));
  const judge = new Worker(
    `const { renameSync } = require('node:fs');
     const { workerData: [root, current] } = require('node:worker_threads');
     for (;;) {
       const lock = root + '/lock' + Atomics.load(current, 0);
       try { renameSync(lock, lock + '.judged'); renameSync(lock + '.judged', lock); } catch {}
     }`,
    { eval: true, workerData: [root, current] },
  );
  const lost: number[] = [];
  for (let at = 0; at < 200; at += 1) {
    Atomics.store(current, 0, at);
    const claim = await storage.claims.claim(`lock${at}`, 'me');
    if (claim === null) lost.push(at);
    await claim?.close();
  }
  await judge.terminate();
  expect(lost).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)(
  'without hard links a value is copied to its name, and of several attempts one succeeds (needs root)',
  async () => {
    // Linux lets nobody link a file that he could not write.
    const finished = path.join(root, 'finished');
    await writeFile(finished, 'alpha', { mode: 0o644 });
    await chmod(path.dirname(root), 0o711);
    await chmod(root, 0o777);
    process.seteuid!(65_534);
    try {
      const names = await Promise.all([1, 2, 3].map(() => claimName(finished, path.join(root, 'name'))));
      expect(names.sort()).toEqual(['copied', null, null]);
    } finally {
      process.seteuid!(0);
    }
    expect(await readFile(path.join(root, 'name'), 'utf8')).toBe('alpha');
    expect([await modeOf('name'), (await readdir(root)).sort()]).toEqual([0o644, ['finished', 'name']]);
  },
);

test('a link or a folder named like remains of a lock does not stop a sweep, and only its age counts', async () => {
  const [old, young, inside] = ['lock.aaaaaaaaaaaa', 'lock.bbbbbbbbbbbb', 'lock.cccccccccccc'];
  await writeFile(`${root}.outside`, 'dead');
  for (const name of [old, young]) await symlink(`${root}.outside`, path.join(root, name));
  await mkdir(path.join(root, inside));
  for (const name of [old, inside]) await lutimes(path.join(root, name), 1, 1);
  await storage.claims.sweep('lock', async (text) => text === 'dead', await storage.now('lock'));
  expect((await readdir(root)).sort()).toEqual([young, inside]);
  expect(await readFile(`${root}.outside`, 'utf8')).toBe('dead');
});

test.skipIf(process.getuid?.() !== 0)(
  'inaccessible remains of a lock of another user do not stop a sweep (needs root)',
  async () => {
    await writeFile(path.join(root, 'lock.aaaaaaaaaaaa'), 'dead', { mode: 0o600 });
    await utimes(path.join(root, 'lock.aaaaaaaaaaaa'), 1, 1);
    await chmod(path.dirname(root), 0o711);
    await chmod(root, 0o1777);
    process.seteuid!(65_534);
    try {
      await storage.claims.sweep('lock', async (text) => text === 'dead', await storage.now('lock'));
    } finally {
      process.seteuid!(0);
    }
    expect(await readdir(root)).toEqual(['lock.aaaaaaaaaaaa']);
    await storage.claims.sweep('lock', async () => false, await storage.now('lock'));
    expect(await readdir(root)).toEqual([]);
  },
);

test('listing the top of a storage that is gone fails instead of returning nothing', async () => {
  await storage.put('mark', 'x');
  const opened = await openDirectory(root, LAYOUT);
  const late = await openDirectory(path.join(path.dirname(root), 'late'), LAYOUT);
  expect(await late.list('')).toEqual([]);
  await late.create();
  for (const one of [opened, storage, late]) {
    expect((await one.list('')).length).toBe(one === late ? 0 : 1);
    expect(await one.list('folder')).toEqual([]);
  }
  for (const folder of [root, path.join(path.dirname(root), 'late')]) await rm(folder, { recursive: true });
  for (const one of [opened, storage, late]) await expect(one.list('')).rejects.toThrow('ENOENT');
});

describe('a moved file', () => {
  const inside = (): Promise<string[]> => readdir(root);

  test('is refused if it is a link or not a regular file, and its target is unchanged', async () => {
    await writeFile(`${root}.target`, 'alpha', { mode: 0o400 });
    await symlink(`${root}.target`, `${root}.link`);
    await mkdir(`${root}.folder`);
    for (const file of [`${root}.link`, `${root}.folder`])
      await expect(storage.put('value', { file, move: true })).rejects.toMatchObject({ code: 'E_IO' });
    expect([(await stat(`${root}.target`)).mode & 0o777, await readlink(`${root}.link`)]).toEqual([
      ...[0o400, `${root}.target`],
    ]);
    expect(await inside()).toEqual([]);
  });

  test.each([0o440, 0o600])('is unchanged after a failure, even its mode (%o)', async (wanted) => {
    const file = `${root}.source`;
    await writeFile(file, 'alpha');
    await chmod(file, wanted);
    await mkdir(path.join(root, 'value'));
    await expect(storage.put('value', { file, move: true })).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    const { mode, nlink } = await stat(file);
    expect([await readFile(file, 'utf8'), mode & 0o777, nlink]).toEqual(['alpha', wanted, 1]);
    expect(await inside()).toEqual(['value']);
  });

  test('stays if it already is the value, under any name', async () => {
    await storage.put('value', 'alpha');
    const file = path.join(root, 'value');
    await storage.put('value', { file, move: true });
    expect([await readFile(file, 'utf8'), await inside()]).toEqual(['alpha', ['value']]);
    await link(file, `${root}.second`);
    await storage.put('value', { file: `${root}.second`, move: true });
    expect([await readFile(file, 'utf8'), await inside()]).toEqual(['alpha', ['value']]);
  });
});
