import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog, readManifest, takenAt, verifiedBy } from '../../src/catalog/catalog.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { BackupEvent, Repository } from '../../src/repository/repository.js';
import { golden, manifestText, sampleManifest } from './catalog-samples.js';

let top: string;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-catalog-'));
});
afterAll(() => rm(top, { recursive: true, force: true }));

async function freshRepository(): Promise<{ repository: Repository; backups: string }> {
  count += 1;
  const folder = path.join(top, `r${count}`);
  const host = await readHostIdentity(process.pid);
  const repository = await openRepository({ name: 'r', path: folder }, { clock: systemClock, host, operator: 'a@b' });
  await repository.putDocument('restores/first.json', '{}');
  return { repository, backups: path.join(folder, 'backups') };
}

async function add(repository: Repository, text: string, id = String(JSON.parse(text).id)): Promise<string> {
  const draft = await repository.draft(id);
  await draft.publish(text);
  return id;
}

const verify = (facts: Partial<BackupEvent & { type: 'verify' }>): BackupEvent => ({
  ...{ at: '2026-11-22T12:00:00.000Z', by: 'ana@ops1', type: 'verify', level: 'full', ok: true, problems: [] },
  ...facts,
});

describe('the catalog', () => {
  test('is sorted by the time in the manifest, newest first, and knows which backups were verified', async () => {
    const { repository } = await freshRepository();
    await add(repository, manifestText({ id: '20261122T095106Z-7f3a9c', timestamp: '2026-11-22T09:51:06.120Z' }));
    await add(repository, manifestText({ id: '20250101T000000Z-aaaaaa', timestamp: '2026-11-23T00:00:00.000Z' }));
    await add(repository, manifestText({ id: '20261122T095106Z-ffffff', timestamp: '2026-11-22T09:51:06.120Z' }));
    await repository.appendEvent('20261122T095106Z-7f3a9c', verify({ level: 'quick' }));
    const entries = await readCatalog(repository);
    expect(entries.map(({ id }) => id)).toEqual([
      '20250101T000000Z-aaaaaa',
      '20261122T095106Z-ffffff',
      '20261122T095106Z-7f3a9c',
    ]);
    expect(entries[2]).toMatchObject({ verified: { level: 'quick', ok: true }, manifest: { database: { tables: 3 } } });
    expect(entries[1]).toMatchObject({ verified: null, manifest: { storage: { files: 304 } } });
  });

  test('reads every golden manifest', async () => {
    const { repository } = await freshRepository();
    for (const text of golden()) await add(repository, text);
    const entries = await readCatalog(repository);
    expect(entries.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
  });

  test('of an empty repository is empty', async () => {
    const { repository } = await freshRepository();
    expect(await readCatalog(repository)).toEqual([]);
  });

  test('holds a thousand backups without their inventories', async () => {
    const { repository } = await freshRepository();
    const entry = JSON.stringify(sampleManifest({}));
    await add(repository, manifestText({}));
    const [only] = await readCatalog(repository);
    expect(JSON.stringify(only).length).toBeLessThan(entry.length / 2);
    expect(JSON.stringify(only)).not.toContain('toc.dat');
  });
});

describe('a damaged backup is listed with its problem, and the others are listed, too', () => {
  const ID = '20261122T095106Z-7f3a9c';
  const GOOD = '20200101T000000Z-000000';
  const damages: [string, RegExp, (folder: string) => Promise<void>][] = [
    ['a flipped digit', /sha256/, (folder) => replace(folder, manifestText({}).replace('18420', '18421'))],
    ['a cut manifest', /sha256/, (folder) => replace(folder, manifestText({}).slice(0, 900))],
    ['a cut manifest with a fitting hash', /not JSON/, (folder) => replaceBoth(folder, manifestText({}).slice(0, 900))],
    ['the manifest of another backup', /another backup/, (folder) => replaceBoth(folder, manifestText({ id: GOOD }))],
    ['a manifest of version 1', /version 1/, (folder) => replaceBoth(folder, '{"timestamp":"x","version":"1.0"}')],
    ['no manifest', /no 'manifest\.json'/, (folder) => rm(path.join(folder, 'manifest.json'))],
    ['no hash file', /no 'manifest\.json\.sha256'/, (folder) => rm(path.join(folder, 'manifest.json.sha256'))],
    ['an empty hash file', /sha256/, (folder) => overwrite(path.join(folder, 'manifest.json.sha256'), '')],
    [
      'a manifest that is a link',
      /not a regular file/,
      async (folder) => {
        await rm(path.join(folder, 'manifest.json'));
        await symlink('/etc/hostname', path.join(folder, 'manifest.json'));
      },
    ],
    [
      'a manifest that is a folder',
      /not a regular file/,
      async (folder) => {
        await rm(path.join(folder, 'manifest.json'));
        await mkdir(path.join(folder, 'manifest.json'));
      },
    ],
    [
      'a link in the place of the folder',
      /not a folder/,
      async (folder) => {
        await rm(folder, { recursive: true });
        await symlink('/etc', folder);
      },
    ],
    [
      'a file in the place of the folder',
      /not a folder/,
      async (folder) => {
        await rm(folder, { recursive: true });
        await writeFile(folder, '');
      },
    ],
  ];

  test.each(damages)('%s', async (_, problem, damage) => {
    const { repository, backups } = await freshRepository();
    await add(repository, manifestText({}), ID);
    await add(repository, manifestText({ id: GOOD, timestamp: '2020-01-01T00:00:00.000Z' }));
    await damage(path.join(backups, ID));
    const entries = await readCatalog(repository);
    expect(entries).toEqual([
      { ok: false, id: ID, code: expect.any(String), problem: expect.stringMatching(problem) },
      expect.objectContaining({ ok: true, id: GOOD }),
    ]);
    expect(takenAt(entries[0]!)).toBe('2026-11-22T09:51:06.000Z');
    await expect(readManifest(repository, ID)).rejects.toHaveProperty('code');
  });

  const overwrite = async (file: string, text: string): Promise<void> => {
    await chmod(file, 0o600);
    await writeFile(file, text);
  };
  const replace = (folder: string, text: string) => overwrite(path.join(folder, 'manifest.json'), text);
  const replaceBoth = async (folder: string, text: string): Promise<void> => {
    await replace(folder, text);
    const hash = createHash('sha256').update(text).digest('hex');
    await overwrite(path.join(folder, 'manifest.json.sha256'), `${hash}  manifest.json\n`);
  };
});

describe('the verification that counts', () => {
  const quickOk = verify({ level: 'quick' });
  const quickBad = verify({ level: 'quick', ok: false });
  const fullOk = verify({});
  const fullBad = verify({ ok: false });

  test.each([
    ['nothing yet', [], null],
    ['quick', [quickOk], quickOk],
    ['a full one stays before a later quick one', [fullOk, quickOk], fullOk],
    ['a quick look does not rebut a full failure', [fullBad, quickOk], fullBad],
    ['a full success does', [fullBad, fullOk], fullOk],
    ['any failure outweighs earlier successes', [fullOk, quickBad], quickBad],
    ['a quick success rebuts a quick failure', [quickBad, quickOk], quickOk],
  ])('%s', (_, events, expected) => {
    const { level, at, ok } = (expected ?? {}) as { level?: string; at?: string; ok?: boolean };
    expect(verifiedBy(events)).toEqual(expected && { level, at, ok });
  });
});
