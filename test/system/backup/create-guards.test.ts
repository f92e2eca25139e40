import { appendFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { readManifest } from '../../../src/catalog/catalog.js';
import { lockDatabase } from '../../../src/postgres/advisory-lock.js';
import { freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { openedAt } from '../../support/old-backups.js';
import { backUp, testRepository, withTree } from '../../support/restoring.js';
import { potctlHere } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';
import { whileReading } from './tree-writer.js';

const MEGABYTE = 1 << 20;

test('a database that another potctl works on is not backed up, into whatever repository', async () => {
  const { name } = await freshDatabase();
  const parts = { server: openTestServer(name), repository: await testRepository() };
  const lock = await lockDatabase(openTestServer(name), name);

  await expect(backUp(parts)).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });

  expect(await parts.repository.list().catch(() => [])).toEqual([]);
  await lock.release();
  expect(await backUp(parts)).toMatch(/^\d{8}T/);
});

test('while a backup is made, the database is locked for every other potctl', async () => {
  const { name } = await freshDatabase();
  const parts = { server: openTestServer(name), repository: await testRepository() };
  const tried: Promise<unknown>[] = [];
  const progress = (event: { readonly kind: string; readonly name?: string }): void => {
    if (event.kind !== 'phase' || event.name !== 'database') return;
    tried.push(lockDatabase(openTestServer(name), name).catch((error: unknown) => error));
  };

  await backUp({ ...parts, host: { progress } });

  expect(await Promise.all(tried)).toMatchObject([{ code: 'E_LOCKED' }]);
});

test('files that would hold the repository are refused before anything is written into them', async () => {
  const tree = await makeTree({ 'a.txt': 'alpha' });
  const repository = await openedAt(path.join(tree, 'backups'));

  const refused = backUp({ server: null, repository, ...withTree(tree) }, { only: 'files' });

  await expect(refused).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });
  expect(await readdir(tree)).toEqual(['a.txt']);
});

test('a backup that would not fit is refused, and a new repository is not begun for it', async () => {
  const { name } = await freshDatabase();
  const repository = { ...(await testRepository()), freeBytes: async () => 1_000 };

  const refused = backUp({ server: openTestServer(name), repository });

  await expect(refused).rejects.toMatchObject({ code: 'E_NO_SPACE', changed: 'nothing' });
  expect(await repository.exists()).toBe(false);
});

test('one file that changes whenever it is read makes the backup degraded, with the file named', async () => {
  const tree = await makeTree({ quiet: 'x' });
  writeFileSync(path.join(tree, 'log'), Buffer.alloc(8 * MEGABYTE, 'x'));
  const progress = whileReading(MEGABYTE, () => appendFileSync(path.join(tree, 'log'), 'line\n'));
  const parts = { server: null, repository: await testRepository(), ...withTree(tree), host: { progress } };
  const prepared = await (await testPotctl(parts).backup()).create({ only: 'files' });

  const made = await prepared.apply();

  expect(made).toMatchObject({ status: 'degraded', degraded_reasons: [expect.stringMatching(/^1 file /)] });
});

test('a file that appears while the database is dumped is in the backup: its row may be in the dump', async () => {
  const { name } = await freshDatabase();
  const tree = await makeTree({ early: 'x' });
  const repository = await testRepository();
  const progress = (event: { readonly kind: string; readonly name?: string }): void => {
    if (event.kind === 'done' && event.name === 'database') writeFileSync(path.join(tree, 'late'), 'x');
  };

  await backUp({ server: openTestServer(name), repository, ...withTree(tree), host: { progress } });

  const { storage } = await readManifest(repository, (await repository.list())[0]!);
  expect(storage!.files).toBe(2);
});

test('another server than the profile expects is not backed up, nor one that does not say which it is', async () => {
  const { name, query } = await freshDatabase();
  const role = `blind_${name}`;
  const [server] = await query<{ id: string }>('select system_identifier::text as id from pg_control_system()');
  await query('revoke execute on function pg_catalog.pg_control_system() from public');
  await query(`create role ${quote(role)} login`);
  const tryAs = (user: string, systemIdentifier: string) =>
    testRepository().then((repository) =>
      backUp({ server: openTestServer(name, {}, { user }), repository, settings: { expect: { systemIdentifier } } }),
    );
  try {
    await expect(tryAs('postgres', '4711')).rejects.toMatchObject({ code: 'E_WRONG_TARGET', changed: 'nothing' });
    await expect(tryAs(role, server!.id)).rejects.toMatchObject({ code: 'E_WRONG_TARGET', changed: 'nothing' });
    expect(await tryAs('postgres', server!.id)).toMatch(/^\d{8}T/);
  } finally {
    await inMaintenance((client) => client.query(`drop role ${quote(role)}`));
  }
});

test('of more references than one batch, each is compared with the files, the last ones, too', async () => {
  const { name } = await freshDatabase();
  const tree = await makeTree({ '1': 'x', '5001': 'x', '10002': 'x' });
  const references = 'select i::text from generate_series(1, 10002) i';
  const repository = await testRepository();
  const files = { path: tree, engine: 'archive', excludes: [] } as const;

  const id = await backUp({ server: openTestServer(name), repository, settings: { files, references } });

  const { consistency } = JSON.parse(await repository.readText(id, 'manifest.json'));
  expect(consistency).toMatchObject({ referenced: 10_002, missing: 9_999, orphans: 0 });
});

test('a check afterwards that cannot be made is no success: exit 3, and the backup is listed as it is', async () => {
  const { name } = await freshDatabase({ schema: 'create table t as select 1 as i' });
  const folder = await temporaryFolder();
  const repository = path.join(folder, 'repository');
  const tools = path.join(folder, 'tools');
  await mkdir(tools);
  const { binaries } = inject('postgres');
  for (const tool of ['pg_dump', 'pg_dumpall', 'psql'])
    await symlink(path.join(binaries, tool), path.join(tools, tool));
  const dying = `#!/bin/sh\ncase "$*" in *--file=/dev/null*) kill -KILL $$;; esac\nexec ${binaries}/pg_restore "$@"\n`;
  await writeFile(path.join(tools, 'pg_restore'), dying);
  await chmod(path.join(tools, 'pg_restore'), 0o755);
  const line = ['backup', 'create', '--only', 'db', '--verify', 'full', '--repository', repository, '--json'];

  const made = await potctlHere(line, { env: { PGDATABASE: name, POTCTL_PG_BINDIR: tools } });

  expect(made.exitCode, made.stderr).toBe(3);
  const { result } = JSON.parse(made.stdout);
  expect(result).toMatchObject({ status: 'complete', verified: false });
  expect(await readdir(path.join(repository, 'backups'))).toEqual([result.id]);
});
