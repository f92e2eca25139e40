import { chown, copyFile, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { pinOf } from '../../src/backup/pins.js';
import type { BackupEvent, Repository } from '../../src/repository/repository.js';
import { request } from '../contract/repository.js';
import { openedAt, publishOld } from '../support/old-backups.js';
import { temporaryFolder } from '../support/tree.js';

const AT = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' } as const;
const VERIFY: BackupEvent = { ...AT, type: 'verify', level: 'full', ok: true, problems: [] };
const FAILED: BackupEvent = {
  ...AT,
  type: 'verify',
  level: 'quick',
  ok: false,
  problems: ['files.tar: content differs'],
};
const PIN: BackupEvent = { ...AT, type: 'pin', reason: 'court', until: null };
const UNPIN: BackupEvent = { ...AT, type: 'unpin', reason: null };
const RESTORE: BackupEvent = {
  ...AT,
  type: 'restore',
  run: 'r1',
  target: 'app',
  ok: true,
  duration_ms: 7,
  parts: ['database'],
};
const NEWER = { ...AT, type: 'drill', ok: true } as unknown as BackupEvent;
const WRITTEN = [VERIFY, UNPIN, PIN, FAILED, RESTORE];

let repository: Repository;
let id: string;
let other: string;
let folder: string;
const APART = 'apart';
const file = (name = 'events.ndjson'): string =>
  name === APART ? path.join(folder, '..', '..', 'histories', `${id}.ndjson`) : path.join(folder, name);
beforeEach(async () => {
  const top = path.join(await temporaryFolder(), 'r');
  repository = await openedAt(top);
  [id, other] = (await publishOld(repository, [1, 2])) as [string, string];
  folder = path.join(top, 'backups', id);
  for (const event of WRITTEN) await repository.appendEvent(id, event);
});

/** Bytes, not text: damage knows no characters. */
async function change(by: (bytes: Buffer) => Buffer, name?: string): Promise<void> {
  const bytes = await readFile(file(name));
  await writeFile(file(name), by(bytes));
}

const flip = (at: (bytes: Buffer) => number) => (bytes: Buffer) => {
  const place = at(bytes);
  bytes[place] = bytes[place]! ^ 0x01;
  return bytes;
};

const lines = (bytes: Buffer): string[] => bytes.toString().trimEnd().split('\n');

const DAMAGES: readonly (readonly [string, (name?: string) => Promise<void>])[] = [
  ['deleted', (name) => rm(file(name))],
  ['emptied', (name) => truncate(file(name), 0)],
  ['zeroed', (name) => change((bytes) => bytes.fill(0), name)],
  ['zeroed in its first block', (name) => change((bytes) => bytes.fill(0, 0, 256), name)],
  ['cut within its last line', (name) => change((bytes) => bytes.subarray(0, -9), name)],
  ['cut within its pin', (name) => change((bytes) => bytes.subarray(0, bytes.indexOf('court')), name)],
  ['cut between two lines', (name) => change((bytes) => Buffer.from(`${lines(bytes)[0]}\n`), name)],
  [
    'without its pin',
    (name) =>
      change(
        (bytes) =>
          Buffer.from(
            lines(bytes)
              .filter((line) => !line.includes('court'))
              .join('\n'),
          ),
        name,
      ),
  ],
  [
    'flipped in the word pin',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('"pin"') + 1),
        name,
      ),
  ],
  [
    'flipped in a key',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('"until"') + 1),
        name,
      ),
  ],
  [
    'flipped in the reason',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('court')),
        name,
      ),
  ],
  [
    'flipped in a verdict',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('"ok":false') + 5),
        name,
      ),
  ],
  [
    'flipped in a checksum',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('"sum"', bytes.indexOf('court')) + 9),
        name,
      ),
  ],
  [
    'flipped in the name of a checksum',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('"sum"', bytes.indexOf('court')) + 2),
        name,
      ),
  ],
  [
    'flipped in a line feed',
    (name) =>
      change(
        flip((bytes) => bytes.indexOf('\n')),
        name,
      ),
  ],
  [
    'of random bytes',
    (name) => change((bytes) => Buffer.from(bytes.map((byte, at) => (byte * 7 + at * 13) % 256)), name),
  ],
  [
    'that of another backup',
    async (name) => {
      for (let at = 0; at < 9; at += 1) await repository.appendEvent(other, VERIFY);
      await copyFile(path.join(path.dirname(folder), other, 'events.ndjson'), file(name));
    },
  ],
];

const CUTS: typeof DAMAGES = [
  [
    'without their last line',
    (name) => change((bytes) => Buffer.from(`${lines(bytes).slice(0, -1).join('\n')}\n`), name),
  ],
];

describe('the events of a backup', () => {
  test.each(DAMAGES)(
    '%s: nothing is lost, the damage is detected, and the next lock repairs them',
    async (_, damage) => {
      await damage();
      const { events, damage: seen } = await repository.events(id);
      expect(events).toEqual(WRITTEN);
      expect(seen).toMatchObject({ lost: false, text: expect.stringContaining('events.ndjson') });
      expect(pinOf(events, new Date())).toMatchObject({ reason: 'court' });

      await (await repository.lock(request())).release();
      expect(await repository.events(id)).toEqual({ events: WRITTEN, damage: null });
      expect(await readFile(file('events.ndjson.copy'))).toEqual(await readFile(file()));
      expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

  test.each(DAMAGES)('whose copy is %s lose nothing', async (_, damage) => {
    await damage('events.ndjson.copy');
    expect((await repository.events(id)).events).toEqual(WRITTEN);
    await repository.appendEvent(id, VERIFY);
    expect((await repository.events(id)).events).toEqual([...WRITTEN, VERIFY]);
    expect((await repository.events(id)).damage?.lost ?? false).toBe(false);
  });

  test.each([...DAMAGES, ...CUTS])('whose files in the folder are both %s lose nothing', async (_, damage) => {
    await damage();
    await damage('events.ndjson.copy');
    expect(await repository.events(id)).toEqual({
      events: WRITTEN,
      damage: { lost: false, text: expect.stringContaining('events.ndjson') },
    });
    await (await repository.lock(request())).release();
    expect(await repository.events(id)).toEqual({ events: WRITTEN, damage: null });
    expect(await readFile(file('events.ndjson.copy'))).toEqual(await readFile(file()));
  });

  test.each(DAMAGES)('whose third file is %s lose nothing', async (_, damage) => {
    await damage(APART);
    expect((await repository.events(id)).events).toEqual(WRITTEN);
    expect((await repository.events(id)).damage?.lost ?? false).toBe(false);
    await (await repository.lock(request())).release();
    expect(await readFile(file(APART))).toEqual(await readFile(file()));
  });

  test('whose files are all emptied are reported as lost until a pin or unpin', async () => {
    await rm(file(APART));
    for (const name of ['events.ndjson', 'events.ndjson.copy']) await truncate(file(name), 0);
    expect(await repository.events(id)).toEqual({ events: [], damage: { lost: true, text: expect.any(String) } });
    await repository.appendEvent(id, VERIFY);
    expect((await repository.events(id)).damage).toMatchObject({ lost: true });
    await repository.appendEvent(id, UNPIN);
    expect((await repository.events(id)).damage).toMatchObject({ lost: false });
    await (await repository.lock(request())).release();
    expect(await repository.events(id)).toEqual({ events: [VERIFY, UNPIN], damage: null });
  });

  test('are removed with the backup, even those outside its folder', async () => {
    const lease = await repository.lock(request());
    await repository.remove(id, 'too old');
    await lease.release();
    expect(await readdir(path.dirname(file(APART)))).toEqual([]);
  });

  test('that are damaged accept new events, in order', async () => {
    await rm(file());
    await repository.appendEvent(id, UNPIN);
    const { events } = await repository.events(id);
    expect(events).toEqual([...WRITTEN, UNPIN]);
    expect(pinOf(events, new Date())).toBeNull();
  });

  test('without a complete copy are reported as lost until a pin or unpin', async () => {
    for (const name of ['events.ndjson', 'events.ndjson.copy', APART]) {
      await change(
        flip((bytes) => bytes.indexOf('court')),
        name,
      );
    }
    expect((await repository.events(id)).damage).toMatchObject({ lost: true });
    await (await repository.lock(request())).release();
    await repository.appendEvent(id, VERIFY);
    expect((await repository.events(id)).damage).toMatchObject({ lost: true });
    await repository.appendEvent(id, PIN);
    expect((await repository.events(id)).damage).toMatchObject({ lost: false });
    await (await repository.lock(request())).release();
    expect((await repository.events(id)).damage).toBeNull();
  });

  test('of an older version are read, and copied with the next lock', async () => {
    for (const name of ['events.ndjson.copy', APART]) await rm(file(name));
    await writeFile(file(), `${WRITTEN.map((event) => JSON.stringify(event)).join('\n')}\n`);
    expect(await repository.events(id)).toEqual({ events: WRITTEN, damage: null });
    await (await repository.lock(request())).release();
    await rm(file());
    await rm(file('events.ndjson.copy'));
    expect((await repository.events(id)).events).toEqual(WRITTEN);
  });

  test('of an older version are copied with the first new event', async () => {
    for (const name of ['events.ndjson.copy', APART]) await rm(file(name));
    await writeFile(file(), `${WRITTEN.map((event) => JSON.stringify(event)).join('\n')}\n`);
    await repository.appendEvent(id, VERIFY);
    await truncate(file(), 0);
    expect((await repository.events(id)).events).toEqual([...WRITTEN, VERIFY]);
  });

  test.skipIf(process.getuid?.() !== 0)('that root writes belong to the owner of the backup (needs root)', async () => {
    await chown(folder, 65_534, 65_534);
    for (const name of ['events.ndjson', 'events.ndjson.copy']) {
      await rm(file(name), { force: true });
      await repository.appendEvent(id, VERIFY);
      expect(
        await Promise.all(['events.ndjson', 'events.ndjson.copy'].map(async (at) => (await stat(file(at))).uid)),
      ).toEqual([65_534, 65_534]);
    }
    await truncate(file(), 0);
    await (await repository.lock(request())).release();
    expect((await stat(file())).uid).toBe(65_534);
  });

  test('of an unknown type are not damage', async () => {
    await repository.appendEvent(id, NEWER);
    expect(await repository.events(id)).toEqual({ events: WRITTEN, damage: null });
  });

  test('whose last one was written to one file only before a kill are not damaged, and are completed', async () => {
    await change((bytes) => Buffer.from(`${lines(bytes).slice(0, -1).join('\n')}\n`), 'events.ndjson.copy');
    expect(await repository.events(id)).toEqual({ events: WRITTEN, damage: null });
    await (await repository.lock(request())).release();
    await rm(file());
    expect((await repository.events(id)).events).toEqual(WRITTEN);
  });

  test('of a new backup are empty, and no folder is created for them', async () => {
    await mkdir(path.join(folder, 'db'));
    expect(await repository.events(other)).toEqual({ events: [], damage: null });
    await (await repository.lock(request())).release();
    expect((await readdir(path.join(path.dirname(folder), other))).filter((name) => name.startsWith('events'))).toEqual(
      [],
    );
  });
});

test('what a killed writer left half-written of a history goes with the next lock, from both folders', async () => {
  const left = (of: string): string => path.join(path.dirname(of), `.${path.basename(of)}.0123456789ab.tmp`);
  for (const of of [file(), file('events.ndjson.copy'), file(APART)]) {
    await writeFile(left(of), 'half');
    await utimes(left(of), 1, 1);
  }
  await (await repository.lock(request())).release();
  const names = [...(await readdir(folder)), ...(await readdir(path.dirname(file(APART))))];
  expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
