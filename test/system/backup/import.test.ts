import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  applicationWithOldBackups,
  photograph,
  rowsOf,
  treeInSeconds,
} from '../../support/application-with-old-backups.js';
import { connect, freshDatabase } from '../../support/database.js';
import { pgTool } from '../../support/old-scripts.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { temporaryFolder } from '../../support/tree.js';

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
  const { name, run, cwd, storage, where, query, client } = await applicationWithOldBackups();
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

const DOS = async (file: string): Promise<void> => {
  await writeFile(file, (await readFile(file, 'latin1')).replaceAll('\n', '\r\n'), 'latin1');
};
const MARKED = async (file: string): Promise<void> => {
  await writeFile(file, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), await readFile(file)]));
};

test.each<[string, (file: string) => Promise<void>]>([
  ['a byte order mark at its start', MARKED],
  ['CRLF at the ends of its lines', DOS],
  ['both', async (file) => DOS(file).then(() => MARKED(file))],
])('a dump with %s is restored as psql would restore it', async (_, change) => {
  const { name, run, cwd, where, query, client } = await applicationWithOldBackups();
  await query(`insert into "Users" (name) values ('ünïcode'), (e'tab\\tand\\nline')`);
  await query(`create function f() returns text language sql as $$ select 'x'::text $$`);
  const dump = path.join(cwd, 'app.sql');
  await pgTool('pg_dump', ['-d', name, '-f', dump]);
  await change(dump);
  const byPsql = await freshDatabase();
  await pgTool('psql', ['-d', byPsql.name, '-q', '-v', 'ON_ERROR_STOP=1', '-f', dump]);
  await client.end();

  const imported = await run('backup', 'import', dump, '--database-name', name, ...where);
  expect(imported).toMatchObject({ exitCode: 0 });
  expect((await run('backup', 'verify', '--level', 'full', ...where)).exitCode).toBe(0);
  expect((await run('restore', 'run', ...where, '--confirm', name)).exitCode).toBe(0);

  const content = `(select md5(string_agg(t::text, '|' order by id)) m from "Users" t) a, pg_proc p where p.proname = 'f'`;
  const read = async (database: string): Promise<unknown> => {
    const connection = await connect(database);
    const { rows } = await connection.query(`select m, prosrc from ${content}`);
    await connection.end();
    return rows;
  };
  expect(await read(name)).toEqual(await read(byPsql.name));
  expect(await read(name)).toHaveLength(1);
});

test('a schema-only dump is reported as having no rows, at its import and in the plan', async () => {
  const { name, run, cwd, where } = await applicationWithOldBackups();
  const dump = path.join(cwd, 'app.dump');
  await pgTool('pg_dump', ['-d', name, '--schema-only', '-Fc', '-f', dump]);

  const imported = await run('backup', 'import', dump, ...where);
  const plan = await run('restore', 'plan', ...where);

  expect(imported).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('has no rows') });
  expect(plan.stdout + plan.stderr).toContain('has no rows');
});

test('a backup whose manifest has rounded sizes, as in the old documentation, is not damaged', async () => {
  const { run, backUp, where } = await applicationWithOldBackups();
  const { manifest, dump } = await backUp();
  const written = JSON.parse(await readFile(manifest, 'utf8'));
  const rounded = {
    ...written,
    database: { ...written.database, size_mb: Math.round(written.database.size_mb * 100) / 100 },
  };
  await writeFile(manifest, JSON.stringify(rounded));

  expect((await run('backup', 'import', manifest, ...where)).exitCode).toBe(0);
  await truncate(dump, 1_000);
  await writeFile(manifest, JSON.stringify({ ...rounded, database: { ...rounded.database, size_mb: 3.14 } }));
  const cut = await run('backup', 'import', manifest, ...where);
  expect(cut).toMatchObject({ exitCode: 20, stderr: expect.stringContaining('its manifest says about') });
});

test('an archive named together with a dump becomes part of the same backup', async () => {
  const { name, run, backUp, cwd, storage, where } = await applicationWithOldBackups();
  const { dump, archive } = await backUp();
  await rename(dump, path.join(cwd, 'x.dump'));
  const before = await treeInSeconds(storage);
  await writeFile(path.join(storage, 'c.txt'), 'changed');

  const imported = await run('backup', 'import', 'x.dump', '--tree', archive!, ...where);
  const restored = await run('restore', 'run', ...where, '--confirm', name);

  expect([imported.exitCode, restored.exitCode]).toEqual([0, 0]);
  expect(await treeInSeconds(storage)).toEqual(before);
});

test('an import leaves the originals unchanged and names what it could not import', async () => {
  const { run, backUp, where } = await applicationWithOldBackups();
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

test('a dump of another database is refused', async () => {
  const { run, backUp, cwd } = await applicationWithOldBackups();
  const other = await applicationWithOldBackups();
  await backUp();

  const refused = await other.run('backup', 'import', path.join(cwd, 'backups'), ...other.where);
  const meant = await run('backup', 'import', path.join(cwd, 'backups'), ...other.where);

  expect(refused).toMatchObject({ exitCode: 30, stderr: expect.stringContaining('--database-name') });
  expect(meant.exitCode).toBe(0);
});

test('without a database name, the name in the dump is used', async () => {
  const { backUp, cwd } = await applicationWithOldBackups();
  await backUp();
  const place = path.join(await temporaryFolder(), 'repository');

  const imported = await potctl(['backup', 'import', path.join(cwd, 'backups'), '--repository', place]);

  expect(imported).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('1 imported') });
});

test('an error in a plain dump stops the restore, and nothing is swapped', async () => {
  const { name, run, cwd, where } = await applicationWithOldBackups();
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
