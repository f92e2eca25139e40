import { mkdir, readdir, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { applicationWithOldBackups, rowsOf, treeInSeconds } from '../../support/application-with-old-backups.js';
import { inMaintenance, quote } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';

/** Each is a fault of the old scripts, met with what those scripts left. */

test('1: a database whose name starts with a digit is restored like any other', async () => {
  const name = `3dpot_${Math.random().toString(36).slice(2, 10)}`;
  const { run, where, backUp, query } = await applicationWithOldBackups(name);
  await backUp();
  await query('delete from "Users"');

  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name);

  expect(restored).toMatchObject({ exitCode: 0 });
  expect(await rowsOf(name)).toBe(500);
});

test('2: a dropped database is restored with its rows, not empty', async () => {
  const { name, run, where, backUp, client } = await applicationWithOldBackups();
  await backUp();
  await client.end();
  await inMaintenance((maintenance) => maintenance.query(`drop database ${quote(name)}`));

  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name);

  expect(restored).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('does not contain the settings and grants'),
  });
  expect([await rowsOf(name), await rowsOf(name, 'empty')]).toEqual([500, 0]);
});

test('2: a dropped database is restored with the encoding and owner in its dump', async () => {
  const { name, run, where, backUp, client } = await applicationWithOldBackups(
    undefined,
    "template template0 encoding 'LATIN1' locale 'C'",
  );
  await backUp({ storage: null });
  await client.end();
  await inMaintenance((maintenance) => maintenance.query(`drop database ${quote(name)}`));

  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--only', 'db', '--confirm', name);

  expect(restored).toMatchObject({ exitCode: 0 });
  expect(
    await rowsOf('postgres', `pg_database where datname = '${name}' and pg_encoding_to_char(encoding) = 'LATIN1'`),
  ).toBe(1);
});

test('3: a corrupt dump is exit 20, and the live database is unchanged', async () => {
  const { name, run, where, backUp } = await applicationWithOldBackups();
  const { dump } = await backUp();
  const { size } = await stat(dump);
  await truncate(dump, size - 700);
  await truncate(dump, size);

  for (const command of [
    ['restore', 'run', '--confirm', name],
    ['backup', 'verify', 'latest'],
  ]) {
    expect(await run(...command, '--backup-dir', 'backups', ...where)).toMatchObject({ exitCode: 20 });
  }
  expect(await rowsOf(name)).toBe(500);
});

test('4: an unreachable server is exit 16, and never a success', async () => {
  const { name, run, where, backUp, cwd } = await applicationWithOldBackups();
  await backUp();
  const args = ['restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name];

  const ran = await potctl(args, { env: { PGDATABASE: name, PGPORT: '1', PGHOST: '127.0.0.1' }, cwd });

  expect(ran.exitCode).toBe(16);
  expect((await run(...args)).exitCode).toBe(0);
});

test('5: keeping no backup is refused, even for imported ones', async () => {
  const { run, where, backUp, repository } = await applicationWithOldBackups();
  await backUp();
  await run('backup', 'import', 'backups', ...where);

  const pruned = await run('backup', 'prune', '--keep-last', '0', ...where, '--yes');

  expect(pruned.exitCode).toBe(2);
  expect(await readdir(path.join(repository, 'backups'))).toHaveLength(1);
});

test('6: touched or copied manifests keep their order, because the time in them counts', async () => {
  const { run, where, backUp } = await applicationWithOldBackups();
  const oldest = await backUp({ timestamp: '20261120_010000', storage: null });
  await backUp({ timestamp: '20261121_010000', storage: null });
  await backUp({ timestamp: '20261122_010000', storage: null });
  await utimes(oldest.manifest, new Date(), new Date(Date.now() + 86_400_000));

  const listed = await run('backup', 'list', '--backup-dir', 'backups', '--json');
  await run('backup', 'import', 'backups', ...where);
  const imported = await run('backup', 'list', ...where, '--json');

  for (const { stdout } of [listed, imported]) {
    const ids = JSON.parse(stdout).items.map(({ id }: { id: string }) => id.slice(0, 8));
    expect(ids).toEqual(['20261122', '20261121', '20261120']);
  }
});

test('7: a folder that was moved, read from another working directory, is restored', async () => {
  const { name, run, where, backUp, cwd, storage, query } = await applicationWithOldBackups();
  const before = await treeInSeconds(storage);
  await backUp({ backupDir: './a/backups' });
  await rename(path.join(cwd, 'a/backups'), path.join(cwd, 'moved'));
  await query('delete from "Users"');
  await rm(path.join(storage, 'c.txt'));

  const restored = await run(
    'restore',
    'run',
    '20261122_095046',
    '--backup-dir',
    path.join(cwd, 'moved'),
    ...where,
    '--confirm',
    name,
  );

  expect(restored).toMatchObject({ exitCode: 0 });
  expect([await rowsOf(name), await treeInSeconds(storage)]).toEqual([500, before]);
});

test('8: an empty dump of a failed pg_dump is not listed, and importing it is exit 20', async () => {
  const { run, where, backUp, cwd } = await applicationWithOldBackups();
  await backUp();
  await writeFile(path.join(cwd, 'backups/db_backup_20261123_095046.sql'), '');

  const listed = await run('backup', 'list', '--backup-dir', 'backups', '--json');
  const imported = await run('backup', 'import', 'backups/db_backup_20261123_095046.sql', ...where);

  expect(JSON.parse(listed.stdout).items).toHaveLength(1);
  expect(imported).toMatchObject({ exitCode: 20, stderr: expect.stringContaining('is empty') });
});

test('9: a backup without files is reported as degraded, and the live files are unchanged', async () => {
  const { name, run, where, backUp, storage, query } = await applicationWithOldBackups();
  await backUp({ storage: null });
  const before = await treeInSeconds(storage);
  await query('delete from "Users"');

  const listed = await run('backup', 'list', '--backup-dir', 'backups', '--json');
  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name);

  expect(JSON.parse(listed.stdout).items).toMatchObject([{ status: 'degraded', parts: { files: null } }]);
  expect(restored).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('the live files will not be changed'),
  });
  expect([await rowsOf(name), await treeInSeconds(storage)]).toEqual([500, before]);
});

test('10: an archive that contains only a link instead of the tree is reported as degraded', async () => {
  const { run, where, backUp, cwd, storage } = await applicationWithOldBackups();
  await symlink(storage, path.join(cwd, 'storage'));
  await backUp({ storage: path.join(cwd, 'storage') });

  const imported = await run('backup', 'import', 'backups', ...where);

  expect(imported).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/degraded: .*archive of the files is empty.*symbolic link/),
  });
});

test('11: an import adds hashes, row counts and an id, and importing the same backup twice is recognized', async () => {
  const { run, where, backUp, repository } = await applicationWithOldBackups();
  await backUp();

  await run('backup', 'import', 'backups', ...where);
  const again = await run('backup', 'import', 'backups', ...where, '--json');
  const shown = JSON.parse(
    (await run('backup', 'show', '20261122_095046', '--manifest', ...where, '--json')).stdout,
  ).item;

  expect(again.exitCode).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ changed: false, result: { imported: 0, known: 1, failed: 0 } });
  expect(await readdir(path.join(repository, 'backups'))).toHaveLength(1);
  expect(shown.created_at).toBe('2026-11-22T09:50:46.000Z');
  expect(shown.manifest.database.files[0].sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(shown.manifest.database).toMatchObject({
    server: { version_num: expect.any(Number), system_identifier: null },
  });
  expect(shown.tables).toMatchObject([
    { table: 'Users', count: 500 },
    { table: 'empty', count: 0 },
  ]);
});

test('12: files are replaced, not merged, and restored to the configured directory, whatever the archived folder was called', async () => {
  const { name, run, repository, backUp, storage } = await applicationWithOldBackups();
  const before = await treeInSeconds(storage);
  await backUp();
  const renamed = path.join(path.dirname(storage), 'data');
  await mkdir(renamed);
  await writeFile(path.join(renamed, 'later.txt'), 'later');
  const where = ['--files', renamed, '--repository', repository];

  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name);

  expect(restored).toMatchObject({ exitCode: 0 });
  expect(await treeInSeconds(renamed)).toEqual(before);
});

test('13: the previous database is kept, and undo restores it', async () => {
  const { name, run, where, backUp, storage, query, client } = await applicationWithOldBackups();
  await backUp();
  await query('insert into "Users" (name) values (\'later\')');
  await writeFile(path.join(storage, 'later.txt'), 'later');
  const live = await treeInSeconds(storage);
  await client.end();

  const restored = await run('restore', 'run', '--backup-dir', 'backups', ...where, '--confirm', name);
  expect([restored.exitCode, await rowsOf(name)]).toEqual([0, 500]);
  const undone = await run('restore', 'undo', ...where, '--confirm', name);

  expect(undone).toMatchObject({ exitCode: 0 });
  expect([await rowsOf(name), await treeInSeconds(storage)]).toEqual([501, live]);
});
