import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
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
  backups = path.dirname(await repository.artefacts(ID));
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
const artefacts = async (): Promise<string[]> =>
  (await describeTree(path.join(backups, ID))).filter((line) => !line.startsWith('events.ndjson'));

test.each([1, 2, 3])('a reader who comes at look %i gets the backup back, whole', async (when) => {
  const before = await artefacts();
  const seen: string[][] = [];
  const removing = removeWhile(async (look) => {
    seen.push(await repository.list());
    if (look === when) throw new PotctlError('E_LOCKED', 'read');
  });
  await expect(removing).rejects.toMatchObject({ code: 'E_LOCKED' });
  expect(seen.at(-1)).toEqual(when === 3 ? [] : [ID]);
  expect(await artefacts()).toEqual(before);
  expect(await readdir(backups)).toEqual([ID]);
  await repository.remove(ID, 'retention');
  expect(await readdir(backups)).toEqual([]);
});

test('a pin that is noted up to the rename brings the backup back', async () => {
  await expect(
    removeWhile(async (look) => {
      if (look === 2) await repository.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    }),
  ).rejects.toMatchObject({ code: 'E_LOCKED' });
  expect((await repository.events(ID)).events.map(({ type }) => type)).toEqual(['tombstone', 'pin']);
});

test('a pin that comes behind the rename fails, instead of promising what is not there', async () => {
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

test('bytes that were left without a manifest by a kill go with the next lock, files beside them stay', async () => {
  await rm(path.join(backups, ID, 'manifest.json'));
  await rename(path.join(backups, ID), path.join(backups, `${ID}.tombstone`));
  await writeFile(path.join(backups, 'notes.tombstone'), 'mine');
  await (await repository.lock(request())).release();
  expect(await readdir(backups)).toEqual(['notes.tombstone']);
});
