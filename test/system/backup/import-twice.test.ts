import { cp, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ImportedItem, ImportResult } from '../../../src/backup/imported/import.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { Repository } from '../../../src/repository/repository.js';
import { freshDatabase } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { oldBackup, pgTool } from '../../support/old-scripts.js';
import { testRepository } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

/** A small database, and an import of dumps of it. */
async function site() {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const repository = await testRepository();
  const server = openTestServer(database.name);
  const prepare = async (place: string, into: Repository = repository) => {
    const backup = await testPotctl({ server, repository: into }).backup();
    return backup.import({ path: place, databaseName: database.name, init: true });
  };
  const bring = async (place: string): Promise<ImportResult> => (await prepare(place)).apply();
  return { ...database, repository, folder: await temporaryFolder(), prepare, bring };
}

const statesOf = ({ items }: ImportResult): string[] => items.map(({ state }) => state);

/** The same bytes under another name, as `cp -a` makes them. */
async function copyOf(file: string): Promise<string> {
  const copy = path.join(path.dirname(file), 'other', 'renamed.bak');
  await mkdir(path.dirname(copy));
  await cp(file, copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

const YESTERDAY = new Date(Math.floor(Date.now() / 1_000 - 86_400) * 1_000);

test.each<[string, string[], boolean, 'in it' | 'of its file']>([
  ['a custom dump', ['-F', 'c'], false, 'in it'],
  ['a directory dump', ['-F', 'd'], false, 'in it'],
  ['a plain dump', [], false, 'of its file'],
  ['a plain dump that was gzipped', [], true, 'of its file'],
])('%s that is imported twice is known the second time, and there is one backup', async (_, flags, isZipped, time) => {
  const { name, folder, repository, bring } = await site();
  const dump = path.join(folder, 'app.dump');
  await pgTool('pg_dump', ['-d', name, ...flags, '-f', dump]);
  if (isZipped) await writeFile(dump, gzipSync(await readFile(dump)));
  await utimes(dump, YESTERDAY, YESTERDAY);
  const copy = await copyOf(dump);
  if (time === 'in it') await utimes(copy, new Date(0), new Date(0));

  const first = await bring(dump);
  const again = [await bring(dump), await bring(copy)];

  expect([first, ...again].map(statesOf)).toEqual([['imported'], ['known'], ['known']]);
  expect(again).toMatchObject([
    { imported: 0, known: 1 },
    { imported: 0, known: 1 },
  ]);
  const [{ id, taken_at: takenAt }] = first.items as [ImportedItem];
  expect(again.map(({ items }) => items[0]!.id)).toEqual([id, id]);
  expect(await repository.list()).toEqual([id]);
  expect(takenAt === YESTERDAY.toISOString()).toBe(time === 'of its file');
});

test('two dumps with different content are two backups, also where their times are the same', async () => {
  const { name, folder, repository, query, bring } = await site();
  const [one, two] = ['one.sql', 'two.sql'].map((file) => path.join(folder, file)) as [string, string];
  await pgTool('pg_dump', ['-d', name, '-f', one]);
  await query('insert into t values (11)');
  await pgTool('pg_dump', ['-d', name, '-f', two]);
  const { atime, mtime } = await stat(one);
  await utimes(two, atime, mtime);
  expect([await bring(one), await bring(two)].map(statesOf)).toEqual([['imported'], ['imported']]);
  expect(await repository.list()).toHaveLength(2);
});

test('a set of the old scripts that was imported is known before anything of it is read, and in a dry run', async () => {
  const { name, folder, repository, prepare } = await site();
  const { manifest, dump } = await oldBackup({ database: name, storage: null, backupDir: 'backups', cwd: folder });
  expect(statesOf(await (await prepare(manifest)).dryRun())).toEqual(['planned']);
  await (await prepare(manifest)).apply();
  const { size, atime, mtime } = await stat(dump);
  await writeFile(dump, Buffer.alloc(size));
  await utimes(dump, atime, mtime);
  expect(statesOf(await (await prepare(manifest)).dryRun())).toEqual(['known']);
  expect(statesOf(await (await prepare(manifest)).apply())).toEqual(['known']);
  expect(await repository.list()).toHaveLength(1);
});

test('who lost the lock of the repository between two sets imports no second one', async () => {
  const { name, folder, repository, prepare } = await site();
  for (const timestamp of ['20261122_095046', '20261123_095046'])
    await oldBackup({ database: name, storage: null, backupDir: 'backups', cwd: folder, timestamp });
  await repository.putDocument('restores/none.json', '{}');
  let looks = 0;
  const lease = {
    async assertHeld() {
      looks += 1;
      if (looks > 1) throw new PotctlError('E_LOCKED', 'lost');
    },
    release: async () => {},
  };
  const importing = await prepare(path.join(folder, 'backups'), { ...repository, lock: async () => lease });
  await expect(importing.apply()).rejects.toMatchObject({ code: 'E_LOCKED' });
  expect(await repository.list()).toHaveLength(1);
});
