import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { pgTool } from '../support/old-scripts.js';
import { oldSite, photograph, rowsOf, treeInSeconds } from '../support/old-site.js';

const ZIPPED = async (file: string): Promise<void> => {
  await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
  await rm(file);
};

test.each<[string, string[], string, ((file: string) => Promise<void>)?]>([
  ['a plain dump', [], 'app.sql'],
  ['a plain dump that was gzipped', [], 'app.sql.gz', (file) => ZIPPED(file.replace('.gz', ''))],
  ['a plain dump with INSERT', ['--inserts', '--rows-per-insert=7'], 'app.sql'],
  ['a custom dump of any suffix', ['-F', 'c'], 'app.bak'],
  ['a custom dump without owners and grants', ['-F', 'c', '--no-owner', '--no-privileges'], 'app'],
  ['a directory dump', ['-F', 'd', '-j', '2'], 'app.dir'],
])('%s without a manifest is imported, verified and restored', async (_, flags, file, finish = async () => {}) => {
  const { name, run, cwd, storage, where, query, client } = await oldSite();
  const dump = path.join(cwd, file);
  await pgTool('pg_dump', ['-d', name, ...flags, '-f', dump.replace('.gz', '')]);
  await finish(dump);
  await query('delete from "Users"');
  await query(`select setval('"Users_id_seq"', 9000), lo_from_bytea(0, 'more')`);
  const before = await treeInSeconds(storage);
  await client.end();

  const imported = await run('backup', 'import', dump, '--database-name', name, ...where, '--json');
  expect(imported).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(imported.stdout).result.items).toMatchObject([{ state: 'imported', rows: 500, database: name }]);
  expect((await run('backup', 'verify', '--level', 'full', ...where)).exitCode).toBe(0);
  const restored = await run('restore', 'run', ...where, '--confirm', name);

  expect(restored).toMatchObject({ exitCode: 0 });
  const next =
    '(select lo_get(oid) from pg_largeobject_metadata) l, (select last_value v from "Users_id_seq") s where v = 500';
  expect([await rowsOf(name), await rowsOf(name, next)]).toEqual([500, 1]);
  expect(await treeInSeconds(storage)).toEqual(before);
});

test('an archive of the files belongs to the dump that it is named with', async () => {
  const { name, run, backUp, cwd, storage, where } = await oldSite();
  const { dump, archive } = await backUp();
  await rename(dump, path.join(cwd, 'x.dump'));
  const before = await treeInSeconds(storage);
  await writeFile(path.join(storage, 'c.txt'), 'changed');

  const imported = await run('backup', 'import', 'x.dump', '--tree', archive!, ...where);
  const restored = await run('restore', 'run', ...where, '--confirm', name);

  expect([imported.exitCode, restored.exitCode]).toEqual([0, 0]);
  expect(await treeInSeconds(storage)).toEqual(before);
});

test('importing changes nothing of what is imported, and names what was not', async () => {
  const { run, backUp, where } = await oldSite();
  const { folder } = await backUp({ timestamp: '20261120_010000' });
  const half = await backUp({ timestamp: '20261121_010000' });
  const torn = await backUp({ timestamp: '20261122_010000' });
  await rm(half.archive!);
  await writeFile(torn.manifest, '{"timestamp": "2026');
  const before = await photograph(folder);

  const imported = await run('backup', 'import', folder, ...where);

  expect(imported.exitCode).toBe(3);
  expect(imported.stderr).toMatch(/Not imported: 20261121_010000|Not imported: backup_manifest_20261121/);
  expect(imported.stderr).toMatch(/storage_backup_20261121_010000.tar.gz' is missing/);
  expect(imported.stderr).toMatch(/Not imported: backup_manifest_20261122_010000.json: .*damaged/);
  expect(imported.stdout).toMatch(/^20261120T010000Z-[0-9a-f]{6}\n$/);
  expect(await photograph(folder)).toEqual(before);
});

test('a dump of another database than the one at hand is not taken for it', async () => {
  const { run, backUp, cwd } = await oldSite();
  const other = await oldSite();
  await backUp();

  const refused = await other.run('backup', 'import', path.join(cwd, 'backups'), ...other.where);
  const meant = await run('backup', 'import', path.join(cwd, 'backups'), ...other.where);

  expect(refused).toMatchObject({ exitCode: 30, stderr: expect.stringContaining('--database-name') });
  expect(meant.exitCode).toBe(0);
});

test('an error in a plain dump ends the restore: nothing is swapped', async () => {
  const { name, run, cwd, where } = await oldSite();
  const dump = path.join(cwd, 'app.sql');
  await pgTool('pg_dump', ['-d', name, '-f', dump]);
  const text = await readFile(dump, 'utf8');
  await writeFile(dump, text.replace('ADD CONSTRAINT', 'ADD CONSTRAINTS'));

  await run('backup', 'import', dump, '--database-name', name, ...where);
  const restored = await run('restore', 'run', ...where, '--confirm', name);

  expect(restored).toMatchObject({ exitCode: 17, stderr: expect.stringContaining('syntax error') });
  expect(await rowsOf(name)).toBe(500);
  expect(await rowsOf('postgres', `pg_database where datname like '${name}\\_%'`)).toBe(0);
});
