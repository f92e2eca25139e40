import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listBackups } from '../../src/backup/listing.js';
import { showBackup } from '../../src/backup/show.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import { manifestText, sampleManifest } from './catalog-samples.js';

const PROD = '20261122T095106Z-7f3a9c';
const APP = '20261123T000000Z-00aa01';
const OTHER_APP = '20261124T000000Z-00aa02';
const DEGRADED = '20261125T000000Z-00aa03';
const SAFETY = '20261126T000000Z-00aa04';
const DAMAGED = '20261127T000000Z-00aa05';

const NOW = new Date('2026-11-28T00:00:00Z');

let top: string;
let repository: Repository;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-listing-'));
  const host = await readHostIdentity(process.pid);
  const location = { name: 'local', path: path.join(top, 'r') };
  repository = await openRepository(location, { clock: systemClock, host, operator: 'a@b' });
  const add = async (id: string, changes: Parameters<typeof manifestText>[0]): Promise<void> => {
    const timestamp = id.replace(/^(....)(..)(..)T(..)(..)(..)Z.*/, '$1-$2-$3T$4:$5:$6.000Z');
    await (await repository.draft(id)).publish(manifestText({ id, timestamp, ...changes }));
  };
  await add(PROD, {});
  await add(APP, { set: '7301/app', profile: null });
  await add(OTHER_APP, { set: '9902/app', profile: null });
  await add(DEGRADED, { set: '7301/app', profile: null, status: 'degraded', degraded_reasons: ['2 files changed'] });
  await add(SAFETY, { set: '7301/app', profile: null, kind: 'safety' });
  await add(DAMAGED, {});
  const manifest = path.join(top, 'r', 'backups', DAMAGED, 'manifest.json');
  await chmod(manifest, 0o600);
  await writeFile(manifest, '{');
});
afterAll(() => rm(top, { recursive: true, force: true }));

const at = (facts: { profile?: string; database?: string }) => ({
  profile: facts.profile ?? null,
  database: facts.database ?? null,
  filesPath: null,
});
const list = async (
  facts: Parameters<typeof at>[0],
  more: { allSets?: boolean; status?: 'degraded' | 'damaged' } = {},
) => {
  const request = { at: at(facts), allSets: more.allSets ?? false, status: more.status ?? null, now: NOW };
  const listing = await listBackups(repository, request);
  return { ...listing, ids: listing.items.map(({ id }) => id) };
};

test('a profile lists its own series and every damaged backup, whose series is unknown', async () => {
  expect(await list({ profile: 'prod', database: 'app' })).toMatchObject({
    ids: [DAMAGED, PROD],
    sets: ['profile:prod'],
    hidden: 4,
    fellBack: false,
    newestGood: { id: PROD },
  });
});

test('without a profile, backups are found by the name of the database, from every server', async () => {
  expect(await list({ database: 'app' })).toMatchObject({
    ids: [DAMAGED, SAFETY, DEGRADED, OTHER_APP, APP],
    sets: ['7301/app', '9902/app'],
    newestGood: { id: OTHER_APP },
  });
});

test('if no backup matches the database, all backups are listed', async () => {
  expect(await list({ database: 'root' })).toMatchObject({ sets: null, fellBack: true, hidden: 0 });
  expect((await list({ database: 'root' })).ids).toHaveLength(6);
});

test('a profile without backups lists none, and reports how many others there are', async () => {
  expect(await list({ profile: 'new' })).toMatchObject({ ids: [DAMAGED], hidden: 5, newestGood: null });
});

test('all series or one status can be requested', async () => {
  expect((await list({ profile: 'prod' }, { allSets: true })).ids).toHaveLength(6);
  expect((await list({ database: 'app' }, { status: 'degraded' })).ids).toEqual([DEGRADED]);
  expect((await list({ database: 'app' }, { status: 'damaged' })).items).toMatchObject([
    {
      id: DAMAGED,
      status: 'damaged',
      created_at: '2026-11-27T00:00:00.000Z',
      bytes_total: null,
      problem: expect.stringMatching(/sha256/),
    },
  ]);
});

test('every item has the same keys, damaged or not', async () => {
  const { items } = await list({}, { allSets: true });
  const shapes = new Set(items.map((item) => Object.keys(item).sort().join()));
  expect(shapes.size).toBe(1);
});

test('a backup of any series is shown by a part of its id, with tables, artifacts and history', async () => {
  const event = {
    at: '2026-11-28T00:00:00.000Z',
    by: 'a',
    type: 'verify',
    level: 'full',
    ok: true,
    problems: [],
  } as const;
  await repository.appendEvent(APP, event);
  const request = { reference: '00aa01', fromSet: null, at: at({ profile: 'prod' }), withManifest: false, now: NOW };
  const shown = await showBackup(repository, request);
  expect(shown).toMatchObject({ id: APP, events: [event], verified: { level: 'full' }, manifest: null });
  expect(shown.tables.map(({ table }) => table)).toEqual(['users', 'we"ird.Tab le', 'partitioned']);
  expect(shown.artefacts).toHaveLength(6);
});

test('latest is the latest of the current series, and the whole manifest is returned on request', async () => {
  const request = { reference: 'latest', fromSet: null, at: at({ profile: 'prod' }), withManifest: true, now: NOW };
  const shown = await showBackup(repository, request);
  expect(shown).toMatchObject({ id: PROD, warnings: [expect.stringContaining(DAMAGED)] });
  expect(shown.manifest).toEqual(sampleManifest({ timestamp: '2026-11-22T09:51:06.000Z' }));
});

test('showing a damaged backup fails', async () => {
  const request = { reference: DAMAGED, fromSet: null, at: at({}), withManifest: false, now: NOW };
  await expect(showBackup(repository, request)).rejects.toMatchObject({ code: 'E_MANIFEST' });
});
