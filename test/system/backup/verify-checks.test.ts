import { createHash } from 'node:crypto';
import { chmod, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { VerifyLevel } from '../../../src/backup/verify-dump.js';
import { readManifest } from '../../../src/catalog/catalog.js';
import type { Manifest } from '../../../src/catalog/manifest.js';
import type { Repository } from '../../../src/repository/repository.js';
import { freshDatabase } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { backUp, testRepository, withTree } from '../../support/restoring.js';
import { rewriteManifest } from '../../support/rewritten-manifest.js';
import { openTestServer } from '../../support/server.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

/** A backup of a table and a file, and what is found when it is verified. */
async function backedUp() {
  const { name } = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) i' });
  const repository = await testRepository();
  const tree = await makeTree({ 'a.bin': Buffer.alloc(200_000, 'potctl') });
  const parts = { server: openTestServer(name), repository, ...withTree(tree) };
  const id = await backUp(parts);
  const folder = await repository.artifacts(id);
  const verify = async (level: VerifyLevel) => {
    const { ok, checks } = await (await testPotctl(parts).backup()).verify({ id }, level);
    return { ok, wrong: checks.filter(({ state }) => state !== 'ok').map(({ name, state }) => `${state} ${name}`) };
  };
  const noted = async () => (await repository.events(id)).events;
  return { parts, repository, id, folder, verify, noted };
}

/** Writes a file of a backup anew, and its hash and size into the manifest: its hash is good, and its content is not. */
async function forge(repository: Repository, id: string, name: string, bytes: Buffer): Promise<void> {
  const file = path.join(await repository.artifacts(id), name);
  await chmod(path.dirname(file), 0o700);
  await rm(file, { force: true });
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await rewriteManifest(repository, id, (manifest) => {
    for (const artefact of artifactsOf(manifest)) {
      if (artefact.path === name) Object.assign(artefact, { size: bytes.length, sha256 });
    }
  });
}

const artifactsOf = ({ database, storage }: Manifest) => [...database!.files, ...storage!.artefacts];

test('a table of the manifest whose data is not in the dump is found', async () => {
  const { repository, id, verify } = await backedUp();
  expect(await verify('quick')).toEqual({ ok: true, wrong: [] });
  const member = 'db/dump/99999.dat.gz';
  await rewriteManifest(repository, id, ({ database }) => {
    database!.files.push({ path: member, size: 0, sha256: '0'.repeat(64) });
    database!.inventory.tables.push({ ...database!.inventory.tables[0]!, table: 'lost', member });
  });
  await forge(repository, id, member, Buffer.from('rows'));

  expect(await verify('quick')).toEqual({ ok: false, wrong: ['fail pg_restore --list'] });
});

test.each([
  ['that cannot be unpacked', (length: number) => length - 20],
  ['that was emptied', () => 0],
])('a member of the dump %s is found by full, also where its hash is good', async (_, cut) => {
  const { repository, id, folder, verify, noted } = await backedUp();
  const { member } = (await readManifest(repository, id)).database!.inventory.tables[0]!;
  const bytes = await readFile(path.join(folder, member!));
  await forge(repository, id, member!, bytes.subarray(0, cut(bytes.length)));

  expect(await verify('quick')).toEqual({ ok: true, wrong: [] });
  expect(await verify('full')).toEqual({ ok: false, wrong: ['fail every member unpacked'] });
  expect(await noted()).toMatchObject([
    { type: 'verify', level: 'quick', ok: true },
    { type: 'verify', level: 'full', ok: false },
  ]);
});

test('what could not be checked is neither ok nor noted', async () => {
  const { parts, id, noted } = await backedUp();
  const environment = { PATH: '/nonexistent', POTCTL_PG_BINDIR: '/nonexistent' };

  const report = await (await testPotctl({ ...parts, host: { environment } }).backup()).verify({ id });

  expect(report).toMatchObject({
    ok: false,
    checks: expect.arrayContaining([expect.objectContaining({ state: 'unknown' })]),
  });
  expect(await noted()).toEqual([]);
});

test('an archive whose content is not that of its list is found by full, also where its hash is good', async () => {
  const { repository, id, folder, verify } = await backedUp();
  const { backup_file } = (await readManifest(repository, id)).storage!;
  const bytes = await readFile(path.join(folder, backup_file));
  await forge(repository, id, backup_file, bytes.subarray(0, bytes.length - 8));

  expect(await verify('quick')).toEqual({ ok: true, wrong: [] });
  expect(await verify('full')).toEqual({ ok: false, wrong: ['fail archive unpacked'] });
});

test('a file that the storage cut after it was hashed is found by the check behind a backup, which compares sizes', async () => {
  const { name } = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) i' });
  const repository = await testRepository();
  const cutting: Repository = {
    ...repository,
    async artifacts(id) {
      const folder = await repository.artifacts(id);
      const file = path.join(folder, (await readManifest(repository, id)).database!.inventory.tables[0]!.member!);
      await chmod(file, 0o600);
      await truncate(file, 10);
      return folder;
    },
  };

  const made = backUp({ server: openTestServer(name), repository: cutting }, { verify: 'quick' });

  await expect(made).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT', changed: 'partial' });
});

test('a manifest whose bytes are not those of its hash is refused, whatever they say', async () => {
  const { folder, verify } = await backedUp();
  const file = path.join(folder, 'manifest.json');
  const text = await readFile(file, 'utf8');
  await chmod(file, 0o600);
  await writeFile(file, text.replace('"status":"complete"', '"status":"degraded"'));

  await expect(verify('quick')).rejects.toMatchObject({ code: 'E_MANIFEST' });
});

test('an imported dump that has other rows, or fewer entries, than its manifest says is found', async () => {
  const { name } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const parts = { server: openTestServer(name), repository: await testRepository() };
  const dump = path.join(await temporaryFolder(), 'app.dump');
  const signal = new AbortController().signal;
  await parts.server.runTool('pg_dump', ['--format=custom', '-f', dump], { database: name, signal });
  const backup = await testPotctl(parts).backup();
  await (await backup.import({ path: dump, databaseName: name })).apply();
  const [id] = await parts.repository.list();
  const failing = async (level: VerifyLevel) => {
    const { checks } = await backup.verify({ id: id! }, level);
    return checks.filter(({ state }) => state === 'fail').map((check) => check.name);
  };
  const tablesOf = ({ database }: Manifest) => database!.inventory.tables;

  expect(await failing('full')).toEqual([]);
  await rewriteManifest(parts.repository, id!, (manifest) => {
    tablesOf(manifest)[0]!.count = 11;
  });
  expect(await failing('full')).toEqual(['every row read']);
  await rewriteManifest(parts.repository, id!, (manifest) => {
    for (let more = 0; more < 50; more += 1) tablesOf(manifest).push({ ...tablesOf(manifest)[0]!, table: `t${more}` });
  });
  expect(await failing('quick')).toEqual(['pg_restore --list']);
});
