import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Layout, Storage } from '../../src/storage/storage.js';

export const LAYOUT: Layout = { folder: 'groups', name: /^g\d+$/, last: 'last.json' };
const LAST = { 'last.json': '{}\n', 'last.sum': 'sum' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const never = async (): Promise<void> => {};

let storage: Storage;
let other: Storage;
let scratch: string;

/** What every Storage promises; see the interface for the wording. `open` opens the same, at first absent, place each time. */
export function storageContract(name: string, fresh: () => Promise<{ open: () => Promise<Storage> }>): void {
  describe(`${name} fulfills the contract of a storage`, () => {
    beforeAll(async () => {
      scratch = await mkdtemp(path.join(tmpdir(), 'potctl-scratch-'));
    });
    afterAll(() => rm(scratch, { recursive: true, force: true }));
    beforeEach(async () => {
      const place = await fresh();
      storage = await place.open();
      await storage.create();
      other = await place.open();
    });
    test('nothing exists until it is created', async () => {
      const absent = await (await fresh()).open();
      expect([await absent.isThere(), await absent.around('key')]).toEqual([false, null]);
      expect(await absent.list('')).toEqual([]);
      expect(await absent.groups.names()).toEqual([]);
      expect(await absent.freeBytes()).toBeGreaterThan(0);
      await absent.create();
      await absent.create();
      expect(await absent.isThere()).toBe(true);
    });
    values();
    lines();
    claiming();
    grouping();
    removingGroups();
  });
}

const text = async (key: string, from = storage): Promise<string | undefined> =>
  (await from.get(key))?.toString('utf8');

async function* chunks(...parts: string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

function values(): void {
  test('text, bytes, a stream and a file are stored, hashed and read by every opener', async () => {
    const file = path.join(scratch, 'file');
    await writeFile(file, 'alpha');
    for (const content of ['alpha', Buffer.from('alpha'), chunks('al', '', 'pha'), { file }]) {
      expect(await storage.put('folder/key', content)).toEqual({ size: 5, sha256: sha256('alpha') });
      expect(await text('folder/key', other)).toBe('alpha');
    }
    expect(await readFile(file, 'utf8')).toBe('alpha');
  });

  test('a moved file leaves its old place, but a file that could not be stored stays', async () => {
    const file = path.join(scratch, 'moved');
    await writeFile(file, 'alpha', { mode: 0o400 });
    await storage.put('taken', 'x');
    expect(await storage.put('taken', { file, move: true }, { create: true })).toBeNull();
    expect(await readFile(file, 'utf8')).toBe('alpha');
    expect(await storage.put('folder/key', { file, move: true })).toEqual({ size: 5, sha256: sha256('alpha') });
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect(await text('folder/key')).toBe('alpha');
  });

  test('a value is replaced atomically; a failing stream leaves the old value and nothing else', async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('cut off');
    }
    await storage.put('folder/key', 'old');
    await expect(storage.put('folder/key', failing())).rejects.toThrow('cut off');
    expect([await text('folder/key'), await storage.list('folder')]).toEqual(['old', ['key']]);
    await storage.put('folder/key', 'new');
    expect(await text('folder/key')).toBe('new');
  });

  test('of many concurrent creations of a key one succeeds, and its value stays', async () => {
    const tries = await Promise.all(
      Array.from({ length: 8 }, (_, at) => [storage, other][at % 2]!.put('key', `by ${at}`, { create: true })),
    );
    const winner = tries.findIndex((hashed) => hashed !== null);
    expect(tries.filter((hashed) => hashed !== null)).toHaveLength(1);
    expect([await text('key'), await storage.list('')]).toEqual([`by ${winner}`, ['key']]);
  });

  test('a part of a value is read by its offset and length, up to its end', async () => {
    await storage.put('key', '0123456789');
    const part = async (from: number, length?: number) =>
      (await storage.get('key', { from, ...(length === undefined ? {} : { length }) }))?.toString();
    expect([await part(0, 3), await part(4, 2), await part(7), await part(8, 99), await part(10)]).toEqual([
      ...['012', '45', '789', '89', ''],
    ]);
  });

  test('a value larger than the limit is not read, and a missing one is undefined', async () => {
    await storage.put('key', '0123456789');
    expect((await storage.get('key', { limit: 10 }))?.length).toBe(10);
    await expect(storage.get('key', { limit: 9 })).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
    for (const key of ['missing', 'no/such/folder'])
      expect([await storage.get(key), await storage.stat(key), await storage.localFile(key)]).toEqual([
        ...[undefined, null, undefined],
      ]);
  });

  test('names are listed by folder, and removing a value twice is no error', async () => {
    for (const key of ['a', 'b/c', 'b/d']) await storage.put(key, key);
    expect([(await storage.list('')).sort(), (await storage.list('b')).sort(), await storage.list('x')]).toEqual([
      ...[['a', 'b'], ['c', 'd'], []],
    ]);
    await storage.remove('b/c');
    await storage.remove('b/c');
    expect([await storage.list('b'), await text('b/c')]).toEqual([['d'], undefined]);
  });

  test('size and time are returned, by the clock of the storage', async () => {
    const before = await storage.now('key');
    await storage.put('key', '12345');
    const facts = await storage.stat('key');
    expect(facts?.size).toBe(5);
    expect(facts!.modifiedMs - before).toBeGreaterThanOrEqual(-20);
    expect((await storage.now('key')) - facts!.modifiedMs).toBeLessThan(10_000);
    expect(await storage.list('')).toEqual(['key']);
  });

  test('the file of a value is returned if it is on this machine', async () => {
    await storage.put('key', 'alpha');
    const file = await storage.localFile('key');
    if (file !== undefined) expect(await readFile(file, 'utf8')).toBe('alpha');
  });

  test('tidying keeps complete values', async () => {
    await storage.put('folder/key', 'alpha');
    await storage.tidy('folder', () => true, (await storage.now('key')) + 999_999);
    expect(await text('folder/key')).toBe('alpha');
  });
}

function lines(): void {
  test('concurrently appended lines all arrive, each complete', async () => {
    const all = Array.from({ length: 40 }, (_, at) => `line ${at} ${'x'.repeat(at)}`);
    await Promise.all(all.map((line, at) => [storage, other][at % 2]!.append('folder/log', line)));
    expect((await text('folder/log'))?.split('\n').sort()).toEqual(['', ...all].sort());
  });

  test('a truncated line is ended before the next one is appended', async () => {
    await storage.put('log', 'one\ntw');
    await storage.append('log', 'three');
    expect(await text('log')).toBe('one\ntw\nthree\n');
  });

  test('no line is appended to a missing group', async () => {
    await expect(storage.append('groups/g1/log', 'x')).rejects.toThrow();
    expect([await storage.groups.names(), await storage.groups.stateOf('g1')]).toEqual([[], 'absent']);
  });
}

function claiming(): void {
  test('of many concurrent claims of a key one succeeds, and its text is complete', async () => {
    const tries = await Promise.all(
      Array.from({ length: 8 }, (_, at) => [storage, other][at % 2]!.claims.claim('lock', `by ${at}\n00`)),
    );
    const winner = tries.findIndex((claim) => claim !== null);
    expect(tries.filter((claim) => claim !== null)).toHaveLength(1);
    expect([await text('lock'), await storage.list('')]).toEqual([`by ${winner}\n00`, ['lock']]);
    expect(Math.abs(tries[winner]!.stampedMs - (await storage.now('lock')))).toBeLessThan(10_000);
    await tries[winner]!.close();
  });

  test('a heartbeat and its time are visible to others', async () => {
    const claim = await storage.claims.claim('lock', 'me\n00');
    const then = await other.stat('lock');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await claim!.renew('me\n09');
    await claim!.renew('me\n10');
    expect(await text('lock', other)).toBe('me\n10');
    expect((await other.stat('lock'))!.modifiedMs).toBeGreaterThan(then!.modifiedMs);
    await claim!.close();
  });

  test('only an accepted claim is removed, and its former owner does not touch the next claim', async () => {
    const mine = await storage.claims.claim('lock', 'me\n00');
    expect(await other.claims.removeIf('lock', (seen) => seen.startsWith('you'))).toBe(false);
    expect(await text('lock')).toBe('me\n00');
    expect(await other.claims.removeIf('lock', (seen) => seen.startsWith('me'))).toBe(true);
    expect(await other.claims.removeIf('lock', () => true)).toBe(false);
    const yours = await other.claims.claim('lock', 'you\n0');
    await mine!.renew('me\n11');
    expect(await text('lock')).toBe('you\n0');
    await mine!.close();
    await yours!.close();
  });

  test('of many concurrent removals of a claim one succeeds', async () => {
    await (await storage.claims.claim('lock', 'dead'))!.close();
    const removed = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        [storage, other][at % 2]!.claims.removeIf('lock', (seen) => seen === 'dead'),
      ),
    );
    expect(removed.filter(Boolean)).toHaveLength(1);
    await storage.claims.sweep('lock', async () => true, await storage.now('lock'));
    expect(await storage.list('')).toEqual([]);
  });

  test('sweeping keeps the claim itself', async () => {
    await (await storage.claims.claim('lock', 'me'))!.close();
    await storage.claims.sweep('lock', async () => true, (await storage.now('lock')) + 999_999_999);
    expect(await text('lock')).toBe('me');
  });
}

/** With a value in a folder and one at the top. */
async function staged(name = 'g1') {
  const staging = await storage.groups.begin(name);
  await mkdir(path.join(staging!.folder, 'deep'));
  await writeFile(path.join(staging!.folder, 'deep', 'a'), 'alpha');
  await writeFile(path.join(staging!.folder, 'b'), 'beta');
  return staging!;
}

async function committed(name = 'g1'): Promise<void> {
  await (await staged(name)).commit(LAST, never);
}

function grouping(): void {
  test('a group becomes visible with all its values when it is committed, not before', async () => {
    const staging = await staged();
    const seen = async () => [await other.groups.names(), await other.groups.stateOf('g1')];
    expect(await seen()).toEqual([[], 'absent']);
    let atConfirm: unknown;
    await staging.commit(LAST, async () => {
      atConfirm = [...(await seen()), await text('groups/g1/last.json', other)];
    });
    expect(atConfirm).toEqual([[], 'absent', undefined]);
    expect(await seen()).toEqual([['g1'], 'complete']);
    for (const [key, value] of Object.entries({ 'deep/a': 'alpha', b: 'beta', ...LAST }))
      expect([key, await text(`groups/g1/${key}`, other)]).toEqual([key, value]);
  });

  test('its local folder contains its values as read-only regular files for tools', async () => {
    await committed();
    const { folder, odd } = await other.groups.localFolder('g1');
    expect(odd).toBeNull();
    for (const [key, value] of Object.entries({ 'deep/a': 'alpha', b: 'beta', ...LAST })) {
      const file = path.join(folder, key);
      expect([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777]).toEqual([value, 0o400]);
    }
  });

  test('names are listed ascending, and a taken name cannot be started again', async () => {
    for (const name of ['g3', 'g1', 'g2']) await committed(name);
    expect(await other.groups.names()).toEqual(['g1', 'g2', 'g3']);
    expect(await other.groups.begin('g2')).toBeNull();
    expect(await text('groups/g2/deep/a')).toBe('alpha');
  });

  test('an exception of confirm prevents the commit, and discarding leaves nothing', async () => {
    const staging = await staged();
    await expect(staging.commit(LAST, () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect([await other.groups.names(), await other.groups.stateOf('g1')]).toEqual([[], 'absent']);
    await chmod(path.join(staging.folder, 'deep'), 0o500);
    await staging.discard();
    await staging.discard();
    await expect(stat(staging.folder)).rejects.toThrow('ENOENT');
    expect(await storage.list('groups')).toEqual([]);
    await committed();
  });

  test('a link or a pipe among its files is refused', async () => {
    const staging = await staged();
    await symlink('/etc/hostname', path.join(staging.folder, 'odd'));
    await expect(staging.commit(LAST, never)).rejects.toMatchObject({ code: 'E_IO' });
    expect(await storage.groups.names()).toEqual([]);
  });

  test('a group started by a dead run is swept and can never be committed afterwards', async () => {
    const staging = await staged();
    await committed('g2');
    expect(await other.groups.sweep(never)).toEqual([]);
    await expect(staging.commit(LAST, never)).rejects.toThrow();
    await staging.discard();
    expect([await other.groups.names(), await storage.list('groups')]).toEqual([['g2'], ['g2']]);
  });

  test('a group swept during its commit does not become visible', async () => {
    const staging = await staged();
    const late = staging.commit(LAST, async () => void (await other.groups.sweep(never)));
    await expect(late).rejects.toThrow();
    expect(await storage.groups.names()).toEqual([]);
  });
}

function removingGroups(): void {
  test('a hidden group is not listed, can be read at its new place, and can be shown again unchanged', async () => {
    await committed();
    await committed('g2');
    const removal = await storage.groups.removal('g1');
    expect(await other.groups.names()).toEqual(['g1', 'g2']);
    const prefix = await removal.hide();
    expect([await other.groups.names(), await other.groups.stateOf('g1')]).toEqual([['g2'], 'absent']);
    expect(await text(`${prefix}/b`)).toBe('beta');
    await expect(other.append('groups/g1/log', 'late')).rejects.toThrow();
    await removal.show();
    expect(await other.groups.names()).toEqual(['g1', 'g2']);
    expect([await text('groups/g1/b'), await text('groups/g1/last.json')]).toEqual(['beta', '{}\n']);
  });

  test('erasing removes a group with all its values, and what belongs to it elsewhere before the last of them', async () => {
    await committed();
    await committed('g2');
    const removal = await storage.groups.removal('g1');
    const prefix = await removal.hide();
    let then: unknown;
    await removal.erase(async () => {
      then = await text(`${prefix}/b`);
    });
    expect(then).toBe('beta');
    expect([await other.groups.names(), await storage.list('groups')]).toEqual([['g2'], ['g2']]);
    expect(await text('groups/g1/b')).toBeUndefined();
    expect(await text('groups/g2/b')).toBe('beta');
  });

  test('a group hidden but not erased by a dead run is shown again unchanged', async () => {
    await committed();
    await committed('g2');
    await (await storage.groups.removal('g1')).hide();
    const besides: string[] = [];
    expect(await other.groups.sweep(async (name) => void besides.push(name))).toEqual([]);
    expect([besides, await other.groups.names(), (await storage.list('groups')).sort()]).toEqual([
      ...[[], ['g1', 'g2'], ['g1', 'g2']],
    ]);
    for (const [key, value] of Object.entries({ 'deep/a': 'alpha', b: 'beta', ...LAST }))
      expect([key, await text(`groups/g1/${key}`, other)]).toEqual([key, value]);
    await storage.append('groups/g1/log', 'x');
    const again = await storage.groups.removal('g1');
    await again.hide();
    await again.erase(never);
    expect(await storage.list('groups')).toEqual(['g2']);
  });

  test('a group partly erased by a dead run is swept, with what belongs to it elsewhere', async () => {
    await committed();
    await committed('g2');
    const removal = await storage.groups.removal('g1');
    await removal.hide();
    await expect(removal.erase(() => Promise.reject(new Error('killed')))).rejects.toThrow('killed');
    const besides: string[] = [];
    expect(await other.groups.sweep(async (name) => void besides.push(name))).toEqual([]);
    expect(besides).toEqual(['g1']);
    expect([await other.groups.names(), await storage.list('groups')]).toEqual([['g2'], ['g2']]);
  });
}
