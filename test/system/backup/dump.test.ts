import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { manifestSchema } from '../../../src/catalog/manifest.js';
import { dumpDatabase } from '../../../src/dump/dump.js';
import { adviceText } from '../../support/advice.js';
import { freshDatabase, quote } from '../../support/database.js';
import { dumpRequest } from '../../support/dump-request.js';
import { openTestServer } from '../../support/server.js';

test('every table has an exact row count and a data file, whatever its name', async () => {
  const { name, query } = await freshDatabase({ schema: 'all-objects' });
  const request = await dumpRequest();

  const { part, degraded } = await dumpDatabase(openTestServer(name), request);

  expect(degraded).toEqual([]);
  const tables = part.inventory.tables.map(({ schema, table }) => `${quote(schema)}.${quote(table)}`);
  const expected = await query<{ name: string }>(
    `select quote_ident(nspname) || '.' || quote_ident(relname) as name from pg_class c join pg_namespace n on n.oid = relnamespace
      where relkind = 'r' and nspname in ('objects', 'we"ird sch')`,
  );
  expect(tables).toHaveLength(expected.length);
  expect(tables).toContain('"we""ird sch"."ird.Tab le"');
  expect(tables).toContain('"objects"."two\nlines"');
  for (const { schema, table, count, exact, member } of part.inventory.tables) {
    const [row] = await query<{ count: string }>(`select count(*) from only ${quote(schema)}.${quote(table)}`);
    expect([table, count, exact]).toEqual([table, Number(row!.count), true]);
    await stat(path.join(request.folder, member!));
  }
  expect(part.inventory.rows_total).toBe(part.inventory.tables.reduce((sum, { count }) => sum + count!, 0));
});

test('the result matches the manifest schema and lists every written file', async () => {
  const { name } = await freshDatabase({ schema: 'all-objects' });
  const request = await dumpRequest();

  const { part, snapshot } = await dumpDatabase(openTestServer(name), request);

  expect(manifestSchema.shape.database.parse(part)).toEqual(part);
  expect(manifestSchema.shape.snapshot.parse(snapshot)).toEqual(snapshot);
  const written = (await readdir(path.join(request.folder, 'db'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(request.folder, path.join(entry.parentPath, entry.name)));
  expect(part.files.map((file) => file.path).sort()).toEqual(written.sort());
  expect(written).toContain('db/dump/toc.dat');
  expect(written).toContain('db/globals.sql');
  expect(part).toMatchObject({ backup_file: 'db/dump', name, inventory: { large_objects: 3, rows_mode: 'exact' } });
});

test('roles, extensions and sequences are recorded as they are', async () => {
  const { name } = await freshDatabase({ schema: 'all-objects' });

  const { part } = await dumpDatabase(openTestServer(name), await dumpRequest());

  expect(part.roles).toEqual(['Objects "Röle"; --', 'objects_owner', 'objects_reader', 'postgres']);
  expect(part.extensions.map((extension) => extension.name)).toContain('plpgsql');
  expect(part.globals).toEqual({ file: 'db/globals.sql', role_passwords: true });
  const sequences = new Map(part.inventory.sequences.map((sequence) => [sequence.name, sequence]));
  expect(sequences.get('big_one')).toMatchObject({ last_value: '9223372036854775807', is_called: true });
  expect(sequences.get('backwards_sequence')).toMatchObject({ last_value: '55', is_called: false });
  expect(part.server.system_identifier).toMatch(/^\d{15,}$/);
});

test('only referenced roles must exist before a restore', async () => {
  const { name } = await freshDatabase({ schema: 'create table t(id int)' });

  const { part } = await dumpDatabase(openTestServer(name), await dumpRequest());

  expect(part.roles).toEqual(['postgres']);
});

test('rows written during the dump are neither in the dump nor in the counts', async () => {
  const { name, client, query } = await freshDatabase({
    schema: `create table busy as select id, repeat('x', 500) as filler from generate_series(1, 40000) as id`,
  });
  let writing = true;
  const writer = (async () => {
    while (writing) await client.query(`insert into busy select 0, '' from generate_series(1, 10)`);
  })();

  const request = await dumpRequest();
  const server = openTestServer(name);
  const { part, degraded } = await dumpDatabase(server, request);
  writing = false;
  await writer;

  const copy = await freshDatabase({ options: 'template template0' });
  const dump = path.join(request.folder, part.backup_file);
  await server.runTool('pg_restore', ['--dbname', copy.name, dump], { database: copy.name, signal: request.signal });
  const counted = part.inventory.tables[0]!.count!;
  expect(degraded).toEqual([]);
  expect(await copy.query('select count(*)::int as rows from busy')).toEqual([{ rows: counted }]);
  expect(Number((await query('select count(*) from busy'))[0]!['count'])).toBeGreaterThan(counted);
});

test('estimates come from the planner and are marked as such; off counts nothing', async () => {
  const { name } = await freshDatabase({
    schema: 'create table known as select generate_series(1, 100); analyze known; create table unknown()',
  });
  const server = openTestServer(name);

  const estimated = await dumpDatabase(server, await dumpRequest({ rows: 'estimate' }));
  const off = await dumpDatabase(server, await dumpRequest({ rows: 'off' }));

  const rows = estimated.part.inventory.tables.map(({ table, count, exact }) => [table, count, exact]);
  expect(rows).toEqual([
    ['known', 100, false],
    ['unknown', null, false],
  ]);
  expect(estimated.part.inventory.rows_total).toBeNull();
  expect(off.part.inventory.tables.map(({ count }) => count)).toEqual([null, null]);
  expect(off.degraded).toEqual([]);
});

test('the references query runs with the role’s search_path, and hostile paths are returned unchanged', async () => {
  const { name, query } = await freshDatabase({
    schema: `create schema app; create table app.files (id serial, path text);
             insert into app.files (path) values ('a b/c.stl'), (e'new\\nline "q" \\\\'), (null), ('表')`,
  });
  await query(`alter database ${name} set search_path = app`);
  const references = 'select path, id as "1" from files where path is distinct from $$x$$ order by id; -- the end\n';

  const { referencedList } = await dumpDatabase(openTestServer(name), await dumpRequest({ references }));

  const lines = (await readFile(referencedList!, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(['a b/c.stl', 'new\nline "q" \\', '表']);
});

test('counting the rows of a table runs no function of its owner', async () => {
  const { name, query } = await freshDatabase();
  const role = `mallory_${process.pid}`;
  await query(`create role ${role}; grant create on schema public to ${role}; set session authorization ${role}`);
  await query(`create function public.trap(int) returns boolean immutable language plpgsql as $$ begin
      if current_user <> '${role}' then raise exception 'this runs as %', current_user; end if; return true; end $$;
    create table public.by_index (note text, small int2, gone int); alter table public.by_index drop gone;
    create index on public.by_index (small) where public.trap(1);
    create table public.by_statistics (id int, twice int generated always as (id * 2) stored);
    create statistics public.told on (id + 1), (public.trap(1) and id > 1) from public.by_statistics;
    insert into public.by_index select repeat('x', 100), n from generate_series(1, 5000) n;
    insert into public.by_statistics select n from generate_series(1, 70) n; reset session authorization`);

  const { part, degraded } = await dumpDatabase(openTestServer(name), await dumpRequest());

  expect(degraded).toEqual([]);
  expect(part.inventory.tables).toMatchObject([
    { table: 'by_index', count: 5000, exact: true },
    { table: 'by_statistics', count: 70, exact: true },
  ]);
  await expect(
    openTestServer(name)
      .session({ purpose: 'test' })
      .then((session) => session.query('select count(*) from public.by_index')),
  ).rejects.toThrow('this runs as postgres');
  await query(`drop owned by ${role}; drop role ${role}`);
});

test('a references query without schema names runs with the role’s search_path and a warning; one with schema names runs without it', async () => {
  const { name, query } = await freshDatabase({
    schema: `create table files (path varchar); insert into files values ('a');
      create function length(varchar) returns int language plpgsql as $$ begin raise exception 'planted'; end $$`,
  });
  const listed = async (references: string) => {
    const told: string[] = [];
    const request = await dumpRequest({
      references,
      progress: (event) => event.kind === 'warning' && told.push(adviceText(event.text)),
    });
    const { referencedList } = await dumpDatabase(openTestServer(name), request);
    return { told, lines: await readFile(referencedList!, 'utf8') };
  };

  expect(await listed('select path from public.files where length(path) = 1')).toEqual({ told: [], lines: '"a"\n' });
  expect(await listed('select path from files')).toEqual({
    told: [expect.stringContaining('(public)')],
    lines: '"a"\n',
  });
  await expect(listed('select path from files where length(path) = 1')).rejects.toThrow('planted');
  await query('drop function length(varchar)');
});
