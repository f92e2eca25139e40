import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { LAYOUT } from '../../src/repository/format.js';
import { removeBackup } from '../../src/repository/removal.js';
import type { Repository } from '../../src/repository/repository.js';
import { openDirectory } from '../../src/storage/directory/directory.js';
import { published, request } from '../contract/repository.js';
import { openedAt } from '../support/old-backups.js';
import { describeTree } from '../support/tree.js';

const ID = '20261122T095106Z-7f3a9c';
const EVENT = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' } as const;

let top: string;
let backups: string;
let repository: Repository;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-removal-'));
});
beforeEach(async () => {
  count += 1;
  repository = await openedAt(path.join(top, `r${count}`));
  await published(repository, ID);
  backups = path.dirname(await repository.artifacts(ID));
});
afterAll(() => rm(top, { recursive: true, force: true }));

/** Removes while `at(n)` happens at the n-th look around: before the tombstone, before the rename, behind it. */
async function removeWhile(at: (look: number) => Promise<void> | void): Promise<void> {
  let look = 0;
  const storage = await openDirectory(path.dirname(backups), LAYOUT);
  const deps = {
    ...{ storage, clock: systemClock, operator: 'tester@here', assertHeld: async () => {} },
    refuseRead: async () => {
      look += 1;
      await at(look);
    },
  };
  return removeBackup(deps, { id: ID, reason: 'retention', seenEvents: null });
}
const artifacts = async (): Promise<string[]> =>
  (await describeTree(path.join(backups, ID))).filter((line) => !line.startsWith('events.ndjson'));

test.each([1, 2, 3])('a reader that arrives at check %i keeps the backup, complete', async (when) => {
  const before = await artifacts();
  const seen: string[][] = [];
  const removing = removeWhile(async (look) => {
    seen.push(await repository.list());
    if (look === when) throw new PotctlError('E_LOCKED', 'read');
  });
  await expect(removing).rejects.toMatchObject({ code: 'E_LOCKED' });
  expect(seen.at(-1)).toEqual(when === 3 ? [] : [ID]);
  expect(await artifacts()).toEqual(before);
  expect(await readdir(backups)).toEqual([ID]);
  await repository.remove(ID, 'retention');
  expect(await readdir(backups)).toEqual([]);
});

test('a pin recorded before the rename keeps the backup', async () => {
  await expect(
    removeWhile(async (look) => {
      if (look === 2) await repository.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    }),
  ).rejects.toMatchObject({ code: 'E_LOCKED' });
  expect((await repository.events(ID)).events.map(({ type }) => type)).toEqual(['tombstone', 'pin']);
});

test('a pin after the rename fails instead of reporting success', async () => {
  let pinned: unknown;
  await removeWhile(async (look) => {
    if (look !== 3) return;
    pinned = await repository
      .appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null })
      .catch((error: unknown) => error);
  });
  expect(pinned).toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
  expect(await repository.list()).toEqual([]);
});

test('remains without a manifest after a kill are removed with the next lock, and other files stay', async () => {
  await rm(path.join(backups, ID, 'manifest.json'));
  await rename(path.join(backups, ID), path.join(backups, `${ID}.tombstone`));
  await writeFile(path.join(backups, 'notes.tombstone'), 'mine');
  await (await repository.lock(request())).release();
  expect(await readdir(backups)).toEqual(['notes.tombstone']);
});

test('foreign files next to the backups stay when a backup is removed', async () => {
  await writeFile(path.join(backups, 'README'), 'not of potctl');
  await mkdir(path.join(backups, 'somebody'));
  const lease = await repository.lock(request());
  await repository.remove(ID, 'retention');
  await lease.release();
  expect((await readdir(backups)).sort()).toEqual(['README', 'somebody']);
});

test('the target of a link in a backup is not removed with it', async () => {
  const outside = path.join(top, `outside${count}`);
  await mkdir(outside);
  await writeFile(path.join(outside, 'precious'), 'kept');
  await symlink(outside, path.join(backups, ID, 'db', 'link'));
  await repository.remove(ID, 'retention');
  expect(await readFile(path.join(outside, 'precious'), 'utf8')).toBe('kept');
});

test('a complete backup hidden by a killed removal is listed again with the next lock', async () => {
  const before = await describeTree(path.join(backups, ID));
  await rename(path.join(backups, ID), path.join(backups, `${ID}.tombstone`));
  expect(await repository.list()).toEqual([]);
  await (await repository.lock(request())).release();
  expect(await readdir(backups)).toEqual([ID]);
  expect(await describeTree(path.join(backups, ID))).toEqual(before);
});

test('a link in place of the remains of a kill is removed, but not its target', async () => {
  const outside = path.join(top, `outside${count}`);
  await mkdir(outside);
  await writeFile(path.join(outside, 'manifest.json'), 'kept');
  await symlink(outside, path.join(backups, '20200101T000000Z-000001.tombstone'));
  await (await repository.lock(request())).release();
  expect([await readdir(backups), await readdir(outside)]).toEqual([[ID], ['manifest.json']]);
});

test('a backup that cannot be put back is reported with the path of its data, and the next lock puts it back', async () => {
  const taken = path.join(backups, ID);
  const removing = removeWhile(async (look) => {
    if (look !== 3) return;
    await writeFile(taken, 'in its place');
    throw new PotctlError('E_LOCKED', 'it is being read');
  });
  await expect(removing).rejects.toMatchObject({
    code: 'E_IO',
    why: expect.stringMatching(/rename.*it is being read/),
    changed: 'partial',
    changedDetail: expect.stringContaining(`'${taken}.tombstone'`),
  });
  await rm(taken);
  await (await repository.lock(request())).release();
  expect(await repository.list()).toEqual([ID]);
});

test('a backup that another lock holder put back meanwhile is not reported as lost', async () => {
  const removing = removeWhile(async (look) => {
    if (look === 3) await (await repository.lock(request())).release();
  });
  await expect(removing).rejects.toMatchObject({ code: 'E_IO', changed: 'nothing' });
  expect(await repository.list()).toEqual([ID]);
  expect(await repository.readText(ID, 'manifest.json')).toBe('{}\n');
});

test('a removal that lost the lock puts the backup back', async () => {
  let looks = 0;
  const storage = await openDirectory(path.dirname(backups), LAYOUT);
  const assertHeld = async (): Promise<void> => {
    looks += 1;
    if (looks === 2) throw new PotctlError('E_LOCKED', 'lost');
  };
  const deps = { ...{ storage, clock: systemClock, operator: 'tester@here', assertHeld }, refuseRead: async () => {} };
  await expect(removeBackup(deps, { id: ID, reason: 'retention', seenEvents: null })).rejects.toThrow('lost');
  expect(await readdir(backups)).toEqual([ID]);
});
