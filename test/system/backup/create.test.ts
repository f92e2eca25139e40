import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { connect, freshDatabase } from '../../support/database.js';
import { unpackPlainly } from '../../support/files.js';
import { potctl } from '../../support/run-cli.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

async function manifestOf(repository: string, id: string) {
  return JSON.parse(await readFile(path.join(repository, 'backups', id, 'manifest.json'), 'utf8'));
}

async function published(repository: string): Promise<string[]> {
  return readdir(path.join(repository, 'backups')).catch(() => []);
}

test('prints only the id, and the artifacts are read-only files for plain tools', async () => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) i' });
  const files = await makeTree({ 'a.txt': 'alpha', empty: {}, sub: { link: { link: '../a.txt' } } });
  const repository = path.join(await temporaryFolder(), 'repository');

  const made = await potctl(['backup', 'create', '--files', files, '--repository', repository], {
    env: { PGDATABASE: database.name },
  });

  expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{6}\n$/) });
  const folder = path.join(repository, 'backups', made.stdout.trim());
  const archive = (await readdir(folder)).find((name) => name.startsWith('files.tar'))!;
  expect((await stat(path.join(folder, archive))).mode & 0o777).toBe(0o400);
  const into = await temporaryFolder();
  unpackPlainly(path.join(folder, archive), into);
  expect((await readdir(into)).sort()).toEqual(expect.arrayContaining(['a.txt', 'empty']));
});

test('counts every row in the snapshot of the dump while other sessions write', async () => {
  const database = await freshDatabase({ schema: 'create table t (i int); create table u (i int)' });
  const repository = path.join(await temporaryFolder(), 'repository');
  const writer = await connect(database.name);
  let writing = true;
  const written = (async () => {
    while (writing)
      await writer.query('with one as (insert into t values (1) returning i) insert into u select i from one');
  })();

  const made = await potctl(['backup', 'create', '--repository', repository], { env: { PGDATABASE: database.name } });
  writing = false;
  await written;
  await writer.end();

  expect(made.exitCode).toBe(0);
  const { inventory } = (await manifestOf(repository, made.stdout.trim())).database;
  const [t, u] = inventory.tables.map(({ count }: { count: number }) => count);
  expect(t).toBeGreaterThan(0);
  expect(u).toBe(t);
  expect(inventory.rows_total).toBe(t + u);
});

test('a backup without files that the database references is degraded and names them', async () => {
  const database = await freshDatabase({
    schema: `create table doc (file_path text); insert into doc values ('a.txt'), ('./sub/b.txt'), ('gone.stl'), ('a.txt')`,
  });
  const files = await makeTree({ 'a.txt': '1', 'lonely.txt': '2', sub: { 'b.txt': '3' } });
  const repository = path.join(await temporaryFolder(), 'repository');
  const config = path.join(await temporaryFolder(), 'config.yaml');
  await writeFile(
    config,
    `profiles:\n  p:\n    database: { name: ${database.name} }\n    files: { path: ${files} }\n    references: select file_path from doc\n    repositories: { local: { path: ${repository} } }\n`,
    { mode: 0o600 },
  );

  const made = await potctl(['backup', 'create', '-p', 'p', '--config', config]);

  expect(made).toMatchObject({ exitCode: 3 });
  const manifest = await manifestOf(repository, made.stdout.trim());
  expect(manifest.status).toBe('degraded');
  expect(manifest.consistency).toMatchObject({ referenced: 3, missing: 1, orphans: 1, missing_examples: ['gone.stl'] });
});

test('records the trace id in the manifest', async () => {
  const database = await freshDatabase();
  const repository = path.join(await temporaryFolder(), 'repository');
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const made = await potctl(['backup', 'create', '--repository', repository, '--trace-id', traceId, '--json'], {
    env: { PGDATABASE: database.name },
  });
  const { result } = JSON.parse(made.stdout);
  expect(await manifestOf(repository, result.id)).toMatchObject({ trace_id: traceId });
});

test('a dry run reports the space needed and writes nothing', async () => {
  const database = await freshDatabase();
  const repository = path.join(await temporaryFolder(), 'repository');
  const planned = await potctl(['backup', 'create', '--repository', repository, '--dry-run', '--json'], {
    env: { PGDATABASE: database.name },
  });
  expect(planned.exitCode).toBe(0);
  expect(JSON.parse(planned.stdout)).toMatchObject({ dry_run: true, changed: false, result: { id: null } });
  const shown = await potctl(['backup', 'create', '--repository', repository, '--dry-run'], {
    env: { PGDATABASE: database.name },
  });
  expect(shown.stderr).toMatch(/needed\.\nNothing was changed: this was a dry run\.\n$/);
  expect(await published(repository)).toEqual([]);
  await expect(stat(repository)).rejects.toThrow('ENOENT');
});

test('of two concurrent backups one is told who holds the lock, and with --wait both succeed', async () => {
  const database = await freshDatabase({
    schema: 'create table t as select generate_series(1, 300000) i',
  });
  const repository = path.join(await temporaryFolder(), 'repository');
  const create = (...more: string[]) =>
    potctl(['backup', 'create', '--repository', repository, ...more], { env: { PGDATABASE: database.name } });
  await create();

  const both = await Promise.all([create(), create()]);
  expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 11]);
  expect(both.find(({ exitCode }) => exitCode === 11)!.stderr).toMatch(/backup create[\s\S]*pid \d+/);

  const waiting = await Promise.all([create('--wait', '30s'), create('--wait', '30s')]);
  expect(waiting.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
});
