import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { asText, toNewFile } from '../../src/mfa/delivery.js';
import type { Repository } from '../../src/repository/repository.js';
import { openDirectory } from '../../src/storage/directory/directory.js';
import type { Content, Storage } from '../../src/storage/storage.js';
import { draftWithFiles, published, request } from '../contract/repository.js';
import { LAYOUT } from '../contract/storage.js';
import { openedAt } from '../support/old-backups.js';
import { temporaryFolder } from '../support/tree.js';
import { type NameChange, watchDisk } from './watched-disk.js';

const ID = '20261122T095106Z-7f3a9c';
const EVENT = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' } as const;
const LAST = { 'last.json': '{}\n', 'last.sum': 'sum' };

let folder: string;
beforeEach(async () => {
  folder = path.join(await temporaryFolder(), 'place');
});

/** Locks and marks stand for living processes, and temporary files for nothing: none of them need survive. */
const isIgnored = (name: string): boolean => name.endsWith('.tmp') || /^potctl\.(lock|reader)/.test(name);

/** The change that gave the name, or took it away. */
const changeOf = (changes: readonly NameChange[], name: string): NameChange | undefined =>
  changes.find(({ from, to }) => from === name || to === name);

const below = (names: readonly string[] | undefined, prefix: string): string[] =>
  (names ?? []).filter((name) => name.startsWith(prefix));

describe('in a storage', () => {
  let storage: Storage;
  beforeEach(async () => {
    storage = await openDirectory(folder, LAYOUT);
    await storage.create();
  });

  async function source(at?: string): Promise<string> {
    const file = path.join(at ?? (await temporaryFolder()), 'source');
    await writeFile(file, 'alpha', { mode: 0o600 });
    return file;
  }

  async function* chunks(): AsyncIterable<Uint8Array> {
    for (const part of ['al', 'pha']) yield Buffer.from(part);
  }

  async function begun() {
    const staging = await storage.groups.begin('g1');
    await mkdir(path.join(staging!.folder, 'deep'));
    await writeFile(path.join(staging!.folder, 'deep', 'a'), 'alpha');
    await writeFile(path.join(staging!.folder, 'b'), 'beta');
    return staging!;
  }

  test.each<[string, () => Promise<Content>]>([
    ['a text', async () => 'alpha'],
    ['bytes', async () => Buffer.from('alpha')],
    ['a stream', async () => chunks()],
    ['a file', async () => ({ file: await source() })],
    ['a file that is moved', async () => ({ file: await source(), move: true })],
  ])('%s is on the disk before it gets its name, and its name before it counts as stored', async (_, make) => {
    const disk = watchDisk(path.dirname(folder), { isIgnored });
    for (const create of [false, true]) {
      const name = `value-${create}`;
      await storage.put(`folder/${name}`, await make(), { create });
      const named = disk.changes.find(({ to }) => to === `place/folder/${name}`);
      expect(named).toMatchObject({ call: create ? 'link' : 'rename', unsynced: [] });
      expect(disk.unsynced()).toEqual([]);
    }
  });

  test('a file that is moved keeps its old name until the new one is on the disk', async () => {
    const file = await source(path.dirname(folder));
    const disk = watchDisk(path.dirname(folder), { isIgnored });
    await storage.put('value', { file, move: true });
    const gone = disk.changes.find(({ call, from }) => call === 'remove' && from === 'source');
    expect(gone).toMatchObject({ unsynced: [] });
  });

  test('a line is on the disk before it counts as added, and so is the name of a file that it begins', async () => {
    const disk = watchDisk(folder);
    for (const line of ['one', 'two']) {
      await storage.append('folder/log', line);
      expect(disk.unsynced()).toEqual([]);
    }
  });

  test('a line also brings the name of its file to the disk, which a process that died may not have done', async () => {
    await storage.put('folder/other', 'text');
    const disk = watchDisk(folder);
    await writeFile(path.join(folder, 'folder', 'log'), 'one\n');
    await storage.append('folder/log', 'two');
    expect(disk.unsynced()).toEqual([]);
  });

  test('all files and folders of a group are on the disk before it is seen, and its name before it counts as shown', async () => {
    const disk = watchDisk(folder);
    const staging = await begun();
    expect(disk.unsynced()).not.toEqual([]);
    await staging.commit(LAST, async () => {});
    expect(below(changeOf(disk.changes, 'groups/g1')?.unsynced, 'groups/g1.partial/')).toEqual([]);
    expect(disk.unsynced()).toEqual([]);
  });

  test('a group whose name cannot be brought to the disk is not shown', async () => {
    const staging = await begun();
    watchDisk(folder, { failing: ['groups'] });
    await expect(staging.commit(LAST, async () => {})).rejects.toThrow('EIO');
    expect(await storage.groups.names()).toEqual([]);
  });

  test('a group is hidden on the disk before its last key goes, and that before any other of its bytes', async () => {
    await (await begun()).commit(LAST, async () => {});
    const removal = await storage.groups.removal('g1');
    const disk = watchDisk(folder);
    await removal.hide();
    let beforeTheRest: unknown;
    await removal.erase(async () => {
      beforeTheRest = disk.unsynced();
    });
    const last = changeOf(disk.changes, 'groups/g1.tombstone/last.json');
    expect([last?.call, last?.unsynced, beforeTheRest]).toEqual(['remove', [], []]);
  });

  test('a hidden group that a sweep shows again is shown on the disk when the sweep is over', async () => {
    await (await begun()).commit(LAST, async () => {});
    await (await storage.groups.removal('g1')).hide();
    const disk = watchDisk(folder);
    await storage.groups.sweep(async () => {});
    expect([await storage.groups.names(), disk.unsynced()]).toEqual([['g1'], []]);
  });
});

describe('in a repository', () => {
  let repository: Repository;
  beforeEach(async () => {
    repository = await openedAt(folder);
  });

  test('everything of a backup is on the disk when it counts as published, from the marker to its manifest', async () => {
    const disk = watchDisk(path.dirname(folder), { isIgnored });
    const lease = await repository.lock(request());
    await (await draftWithFiles(repository, ID)).publish('{}\n');
    expect(disk.unsynced()).toEqual([]);
    await lease.release();
  });

  test('a pin is on the disk, with both of its copies, when it counts as set', async () => {
    await published(repository, ID);
    const disk = watchDisk(folder, { isIgnored });
    await repository.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    expect(disk.unsynced()).toEqual([]);
    expect((await readdir(path.join(folder, 'histories'))).length).toBe(1);
    await repository.appendEvent(ID, { ...EVENT, type: 'unpin', reason: null });
    expect(disk.unsynced()).toEqual([]);
  });

  test('the record of a run is on the disk when it counts as written, the first one and each that replaces it', async () => {
    const disk = watchDisk(path.dirname(folder), { isIgnored });
    for (const text of ['{"step":"staging"}', '{"step":"swapping"}']) {
      await repository.putDocument('restores/r1.json', text);
      expect(disk.unsynced()).toEqual([]);
    }
  });
});

test('a secret that goes into a file is on the disk before the change is made that it belongs to', async () => {
  const top = await temporaryFolder();
  const disk = watchDisk(top);
  await toNewFile(path.join(top, 'codes.txt'), asText).prepare(['1234-5678']);
  expect(disk.unsynced()).not.toContain('codes.txt');
});
