import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { applicationWithOldBackups } from '../../support/application-with-old-backups.js';
import { type OldFiles, pgTool } from '../../support/old-scripts.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { temporaryFolder } from '../../support/tree.js';

type Damage = readonly [string, number, RegExp, (set: OldFiles) => Promise<void>];

const BAD_SETS: readonly Damage[] = [
  ['half a set', 20, /is missing/, (set) => rm(set.dump)],
  ['a dump that was cut', 20, /bytes, but its manifest says/, (set) => truncate(set.dump, 500)],
  ['a damaged dump of the right size', 20, /pg_restore cannot read|is incomplete/, (set) => overwrite(set.dump)],
  ['a damaged archive of the right size', 20, /is damaged/, (set) => overwrite(set.archive!)],
  ['a manifest that names files outside', 20, /points outside its folder/, (set) => named(set, '/etc/passwd')],
  ['a manifest that climbs out', 20, /points outside its folder/, (set) => named(set, '../../../etc/passwd')],
  ['a link in place of the dump', 20, /symbolic link/, (set) => linked(set.dump)],
  ['the manifest of another database', 30, /is of the database/, (set) => edited(set, '"test_[^"]*"', '"other"')],
  [
    'a manifest that is none',
    20,
    /timestamp is missing/,
    (set) => writeFile(set.manifest, '{"database": {}, "timestamp": 1}'),
  ],
];

test('the error names what is wrong with a backup, and nothing is imported', async () => {
  const { run, backUp, where, repository, cwd } = await applicationWithOldBackups();
  const good = await backUp();
  for (const [name, exitCode, why, damage] of BAD_SETS) {
    const folder = path.join(cwd, name.replaceAll(' ', '-'));
    await cp(good.folder, folder, { recursive: true });
    const moved = (file: string): string => path.join(folder, path.basename(file));
    const set = { folder, dump: moved(good.dump), archive: moved(good.archive!), manifest: moved(good.manifest) };
    await damage(set);

    const imported = await run('backup', 'import', folder, ...where);

    expect(imported, name).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(why) });
    expect(await readdir(path.join(repository, 'backups')).catch(() => []), name).toEqual([]);
  }
});

test('a damaged backup read in place is exit 20, too, and the other backups are unaffected', async () => {
  const { name, run, backUp, where } = await applicationWithOldBackups();
  await backUp({ timestamp: '20261120_010000' });
  const torn = await backUp({ timestamp: '20261121_010000' });
  await truncate(torn.dump, 500);

  const listed = await run('backup', 'list', '--backup-dir', 'backups', '--json');
  const refused = await run('restore', 'plan', '20261121_010000', '--backup-dir', 'backups', ...where);
  const newest = await run('restore', 'plan', '--backup-dir', 'backups', ...where, '--json');

  expect(JSON.parse(listed.stdout).items.map(({ status }: { status: string }) => status)).toEqual([
    'damaged',
    'complete',
  ]);
  expect(refused).toMatchObject({ exitCode: 20, stderr: expect.stringContaining('its manifest says') });
  expect(newest.exitCode).toBe(0);
  expect(JSON.parse(newest.stdout).item).toMatchObject({
    database: { name, rows: 500 },
    backup: { id: expect.stringMatching(/^20261120/) },
  });
});

test('a file that is not a backup is refused, with its own exit code', async () => {
  const { name, run, cwd, repository } = await applicationWithOldBackups();
  const at = (file: string): string => path.join(cwd, file);
  await mkdir(at('empty'));
  await writeFile(at('empty.sql'), '');
  await writeFile(at('note.txt'), 'no dump at all\n');
  await pgTool('pg_dump', ['-d', name, '-f', at('app.sql')]);
  await pgTool('pg_dump', ['-d', name, '-F', 't', '-f', at('app.tar')]);
  const dump = await readFile(at('app.sql'));
  await writeFile(at('cut.sql'), dump.subarray(0, -100));
  await writeFile(at('cut.sql.gz'), gzipSync(dump).subarray(0, -20));

  for (const [exitCode, file, ...flags] of [
    [17, 'missing.sql'],
    [10, 'empty'],
    [20, 'empty.sql'],
    [20, 'note.txt', '--database-name', 'x'],
    [2, 'app.sql'],
    [17, 'app.tar'],
    [20, 'cut.sql', '--database-name', 'x'],
    [20, 'cut.sql.gz', '--database-name', 'x'],
    [10, path.dirname(cwd)],
  ] as const) {
    const imported = await run('backup', 'import', file, ...flags, '--repository', repository);
    expect(imported, file).toMatchObject({ exitCode, stdout: '' });
  }
});

const WARNING = 'pg_dump: warning: there are circular foreign-key constraints on this table:\npg_dump: detail: parts\n';

test('a dump that psql cannot run is refused with the reason and the command that converts it', async () => {
  const { name, run, cwd, repository, query } = await applicationWithOldBackups();
  await query(`insert into "Users" (name) values ('café')`);
  const at = (file: string): string => path.join(cwd, file);
  await pgTool('pg_dump', ['-d', name, '-f', at('app.sql')]);
  await pgTool('pg_dump', ['-d', name, '--data-only', '-f', at('rows.sql')]);
  await pgTool('pg_dump', ['-d', name, '--data-only', '-Fc', '-f', at('rows.dump')]);
  const text = await readFile(at('app.sql'), 'utf8');
  const latin = Buffer.from(text, 'latin1');
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
  const files: readonly [string, Buffer | string | null, RegExp][] = [
    ['warned.sql', `${WARNING}${text}`, /message from pg_dump/],
    ['warned.sql.gz', gzipSync(`${WARNING}${text}`), /message from pg_dump/],
    ['warned-late.sql', `${text}${WARNING}`, /message from pg_dump/],
    ['utf16.sql', utf16, /is UTF-16/],
    ['utf16-bare.sql', utf16.subarray(2), /is UTF-16/],
    ['utf16-gz.sql.gz', gzipSync(utf16), /is UTF-16/],
    ['latin.sql', latin, /not in the encoding that it declares/],
    ['twice.sql.gz', gzipSync(gzipSync(text)), /compressed twice/],
    ['rows.sql', null, /dumped with --data-only/],
    ['rows.dump', null, /dumped with --data-only/],
  ];
  for (const [file, content, why] of files) {
    if (content !== null) await writeFile(at(file), content);
    const imported = await run('backup', 'import', at(file), '--database-name', name, '--repository', repository);
    expect(imported, file).toMatchObject({ exitCode: 17, stdout: '', stderr: expect.stringMatching(why) });
    expect(await readdir(path.join(repository, 'backups')).catch(() => []), file).toEqual([]);
    const command = /result: `(.+)`$/m.exec(imported.stderr)?.[1];
    if (command === undefined) continue;
    expect(spawnSync('bash', ['-c', command], { cwd }), command).toMatchObject({ status: 0 });
    const result = await newestFile(cwd);
    const again = await run('backup', 'import', result, '--database-name', name, '--repository', repository);
    expect(again, command).toMatchObject({ exitCode: 0 });
    await rm(path.join(repository, 'backups'), { recursive: true });
    await rm(result);
  }
});

async function newestFile(folder: string): Promise<string> {
  const files = (await readdir(folder)).map((file) => path.join(folder, file));
  const times = await Promise.all(
    files.map(async (file) => [(await stat(file, { bigint: true })).mtimeNs, file] as const),
  );
  return times.sort(([a], [b]) => (a < b ? 1 : -1))[0]![1];
}

test.each([
  ['a zip archive', 'PK\x03\x04....', 17, /zip archive(.|\n)*funzip/],
  ['a file of openssl', 'Salted__12345678abc', 17, /encrypted with openssl(.|\n)*openssl enc -d/],
  ['a file of age', 'age-encryption.org/v1\n-> X25519', 17, /encrypted with age(.|\n)*age --decrypt/],
  ['a dump of MySQL', '-- MySQL dump 10.13\n', 20, /MySQL dump/],
  ['a page of a web server', '<html><body>502 Bad Gateway</body></html>', 20, /not SQL: "<html>/],
  ['a message of ssh', 'ssh: connect to host db port 22: Connection refused\n', 20, /not SQL: "ssh: connect/],
  ['a binary', '\x7fELF\x02\x01\x01\x00\x00', 20, /binary file/],
])('%s is recognized and named', async (_, start, exitCode, why) => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'app.sql');
  await writeFile(file, start, 'latin1');
  const imported = await potctl([
    'backup',
    'import',
    file,
    '--database-name',
    'x',
    '--repository',
    path.join(folder, 'r'),
  ]);
  expect(imported).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(why) });
});

test('a full verification finds an imported dump that psql cannot run', async () => {
  const { name, run, cwd, repository, where } = await applicationWithOldBackups();
  const dump = path.join(cwd, 'app.sql');
  await pgTool('pg_dump', ['-d', name, '-f', dump]);
  const text = await readFile(dump, 'utf8');
  const imported = await run('backup', 'import', dump, '--database-name', name, ...where);
  const backup = path.join(repository, 'backups', imported.stdout.trim());
  // Files of a backup are read-only, even for their owner.
  const overwrite = async (file: string, content: string): Promise<void> => {
    await rm(path.join(backup, file));
    await writeFile(path.join(backup, file), content);
  };
  const bad = `${WARNING}${text}`;
  await overwrite('db/dump.sql', bad);
  const manifest = JSON.parse(await readFile(path.join(backup, 'manifest.json'), 'utf8'));
  manifest.database.files[0].size = bad.length;
  manifest.database.files[0].sha256 = createHash('sha256').update(bad).digest('hex');
  const changed = JSON.stringify(manifest);
  await overwrite('manifest.json', changed);
  const hash = createHash('sha256').update(changed).digest('hex');
  await overwrite('manifest.json.sha256', `${hash}  manifest.json\n`);

  const verified = await run('backup', 'verify', '--level', 'full', ...where);

  expect(verified).toMatchObject({ exitCode: 20 });
  expect(verified.stdout + verified.stderr).toContain('message from pg_dump');
});

test('a directory dump with a truncated large object is refused, and nothing is imported', async () => {
  const { name, run, cwd, repository, where } = await applicationWithOldBackups();
  const dump = path.join(cwd, 'app.dir');
  await pgTool('psql', ['-d', name, '-c', "select lo_from_bytea(0, decode(repeat('a1b2c3d4', 4000), 'hex'))"]);
  await pgTool('pg_dump', ['-F', 'd', '-d', name, '-f', dump]);
  const member = (await readdir(dump)).find((file) => file.startsWith('blob_'))!;
  await truncate(path.join(dump, member), 15);

  const imported = await run('backup', 'import', dump, '--database-name', name, ...where);

  expect(imported).toMatchObject({ exitCode: 20, stdout: '' });
  expect(await readdir(path.join(repository, 'backups')).catch(() => [])).toEqual([]);
});

test('a plain dump that affects more than its database is refused, and nothing of it is run', async () => {
  const { name, run, cwd, repository } = await applicationWithOldBackups();
  const dump = path.join(cwd, 'app.sql');
  const mark = path.join(cwd, 'owned');
  const ordinary = ['-d', name, '-f', dump];
  for (const [flags, added] of [
    [[], `\\! touch ${mark}\n`],
    [[], '\\connect postgres\n'],
    [['--create'], ''],
    [[], `COPY "Users" FROM PROGRAM 'touch ${mark}';\n`],
    [[], 'ALTER ROLE CURRENT_USER SET work_mem = 64;\n'],
  ] as const) {
    await pgTool('pg_dump', [...ordinary, ...flags]);
    const text = await readFile(dump, 'utf8');
    await writeFile(
      dump,
      text.replace('SET statement_timeout', () => `${added}SET statement_timeout`),
    );

    const imported = await run('backup', 'import', dump, '--database-name', name, '--repository', repository);

    expect(imported, added).toMatchObject({
      exitCode: 30,
      stderr: expect.stringContaining('is not safe to run'),
    });
    expect(await readdir(cwd)).toEqual(['app.sql']);
  }
});

async function overwrite(file: string): Promise<void> {
  const bytes = await readFile(file);
  const middle = Math.floor(bytes.length / 2);
  bytes.fill(0x55, middle, Math.min(middle + 200, bytes.length));
  await writeFile(file, bytes);
}

const named = (set: { readonly manifest: string }, to: string): Promise<void> =>
  edited(set, '"backup_file": "backups/db_[^"]*"', `"backup_file": "${to}"`);

async function edited({ manifest }: { readonly manifest: string }, from: string, to: string): Promise<void> {
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(new RegExp(from), to));
}

async function linked(file: string): Promise<void> {
  await rename(file, `${file}.real`);
  await symlink(`${file}.real`, file);
}
