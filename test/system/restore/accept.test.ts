import { execFileSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { shellWords } from '../../../commands/cli/parse/shell.js';
import { readManifest } from '../../../src/catalog/catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { type Again, again } from '../../../src/kernel/next.js';
import type { Progress } from '../../../src/kernel/progress.js';
import type { Repository } from '../../../src/repository/repository.js';
import { readRuns } from '../../../src/runs/record.js';
import { adviceText } from '../../support/advice.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { openedAt } from '../../support/old-backups.js';
import { backUp, plan, restore, testRepository } from '../../support/restoring.js';
import { rewriteManifest } from '../../support/rewritten-manifest.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

async function site(schema: string) {
  const database = await freshDatabase({ schema });
  const repository = await testRepository();
  const parts = { server: openTestServer(database.name), repository };
  await backUp(parts);
  return { ...database, repository, parts };
}

async function valuesOf(name: string, sql: string): Promise<unknown[]> {
  const client = await connect(name);
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

const ENUM_HASH = `
  create type mood as enum ('sad', 'ok', 'glad', 'mad', 'bad', 'odd');
  create table ph (m mood, i int) partition by hash (m);
  create table ph0 partition of ph for values with (modulus 3, remainder 0);
  create table ph1 partition of ph for values with (modulus 3, remainder 1);
  create table ph2 partition of ph for values with (modulus 3, remainder 2);
  insert into ph select (enum_range(null::mood))[1 + i % 6], i from generate_series(1, 300) i;`;

test('hash partitions by an enum are compared at their root, because a restore may distribute their rows differently', async () => {
  const { name, parts, query } = await site(ENUM_HASH);
  await query('create table younger as select 1 as i');

  const result = await restore(parts);

  expect(result.checks).toMatchObject({ tables: 3, rows: 300 });
  expect(await valuesOf(name, 'select count(*)::int from ph')).toEqual([300]);
  const again = await plan(parts);
  expect(again.database!.loss!.tables).toMatchObject([{ table: 'ph', rowsNow: 300, rowsInBackup: 300 }]);
});

test('a partition with missing rows is reported under its root, by name', async () => {
  const { parts, repository, query } = await site(`
    create table r (i int) partition by range (i);
    create table r0 partition of r for values from (0) to (10);
    create table r1 partition of r for values from (10) to (20);
    insert into r select generate_series(0, 19)`);
  await rewriteManifest(repository, await newest(repository), (manifest) => {
    manifest.database!.inventory.tables.find(({ table }) => table === 'r1')!.count = 11;
  });

  const refused = restore(parts);

  await expect(refused).rejects.toMatchObject({
    code: 'E_RESTORE_CHECK',
    changed: 'nothing',
    why: 'row count of public.r: 20 restored, 21 in the backup (public.r1 10 of 11)',
    fix: expect.arrayContaining([again('--accept', 'rows:public.r')]),
  });
  expect(await query('select count(*)::int as rows from r')).toEqual([{ rows: 20 }]);
});

test('constraints that were never validated stay unvalidated: on a parent, its children, partitions, a foreign key, a domain', async () => {
  const { name, parts } = await site(`
    create table parent (i int); create table child () inherits (parent); create table grandchild () inherits (child);
    insert into child values (-1); alter table parent add constraint positive check (i > 0) not valid;
    create table p (i int) partition by range (i);
    create table p0 partition of p for values from (-10) to (10); create table p1 partition of p for values from (10) to (20);
    insert into p values (1); alter table p add constraint positive check (i > 0) not valid;
    create table target (i int primary key) partition by range (i);
    create table target0 partition of target for values from (0) to (10);
    create table target1 partition of target for values from (10) to (20);
    create table source (i int); insert into source values (99);
    alter table source add constraint aimed foreign key (i) references target not valid;
    create domain small as int; alter domain small add constraint tiny check (value < 10) not valid`);
  const unvalidated = `select conname || ' ' || coalesce(conrelid::regclass::text, '') from pg_constraint where not convalidated order by 1`;
  const before = await valuesOf(name, unvalidated);
  expect(before.length).toBeGreaterThan(7);

  expect(await restore(parts)).toMatchObject({ state: 'done' });

  expect(await valuesOf(name, unvalidated)).toEqual(before);
});

const FRAGILE = `
  create table countries (code text primary key); insert into countries values ('de');
  create function is_country(text) returns boolean language sql as 'select exists (select from countries where code = $1)';
  create table people (id int, country text check (is_country(country))); insert into people values (1, 'de');
  create function ranked(i int) returns int language plpgsql immutable as
    'begin return (select count(*) from public.countries) + i; end';
  create table scores (i int); insert into scores values (1); create index by_rank on scores (ranked(i));
  -- Since 17 a server builds no index with the other one, but what is there stays.
  create or replace function ranked(i int) returns int language plpgsql immutable as
    'begin return (select count(*) from countries) + i; end';
  create table fine (i int); insert into fine select generate_series(1, 5);
  create sequence s; select setval('s', 9)`;

test('a check that calls a function without search_path stops the restore, and the error prints the statement that fixes it', async () => {
  const { name, parts } = await site(`${FRAGILE}; drop index by_rank`);
  const before = await valuesOf(name, 'select oid::text from pg_database where datname = current_database()');

  const failure = await failureOf(restore(parts));

  expect(failure).toMatchObject({ code: 'E_TOOL_FAILED', changed: 'nothing' });
  expect(failure.message).toBe("'pg_restore' could not restore TABLE DATA public.people");
  expect(failure.why).toContain('relation "countries" does not exist');
  expect(failure.why).toMatch(/CONTEXT: +SQL function "is_country" during/);
  expect(failure.fix).toContain('ALTER FUNCTION public.is_country(text) SET search_path = public, pg_temp;');
  expect(failure.fix.at(-1)).toEqual(again('--continue-past-errors'));
  const sql = 'select oid::text from pg_database where datname = current_database()';
  expect(await valuesOf(name, sql)).toEqual(before);
});

test('the printed ALTER FUNCTION names the schema of the missing table, once per function', async () => {
  const { parts } = await site(`
    create schema lib; create table lib.lim (v int); insert into lib.lim values (100); set search_path = lib, public;
    create function public.ok(i int) returns boolean language plpgsql immutable as 'begin return i < (select max(v) from lim); end';
    create table public.a (i int check (public.ok(i))); insert into public.a values (1);
    create table public.b (i int check (public.ok(i))); insert into public.b values (1)`);

  const refused = restore(parts, { continuePastErrors: true });

  const fix = (await failureOf(refused)).fix.map(adviceText);
  const line = 'ALTER FUNCTION public.ok(integer) SET search_path = lib, public, pg_temp;';
  expect(fix.filter((text) => text.startsWith('ALTER FUNCTION'))).toEqual([line]);
  expect(fix.filter((text) => text.startsWith('psql ')).map((text) => text.split(' -c ')[1])).toEqual([`'${line}'`]);
});

test('the commands that the error prints for a manual restore restore the whole database', async () => {
  const { name, parts, query } = await site(`${FRAGILE}; drop index by_rank`);
  await query('drop table people, countries, scores, fine');
  const lines = (await failureOf(restore(parts))).fix.map(adviceText);
  const byHand = lines.slice(
    lines.findIndex((line) => line.startsWith('createdb ')),
    lines.findIndex((line) => line.startsWith('Or restore everything else')),
  );
  onTestFinished(() =>
    inMaintenance((client) => client.query(`drop database if exists ${quote(`${name}_by_hand`)}`)).then(() => {}),
  );

  execFileSync('sh', ['-e'], { input: byHand.join('\n'), stdio: ['pipe', 'pipe', 'pipe'] });

  expect(
    await valuesOf(`${name}_by_hand`, 'select (select count(*) from people)::int, (select count(*) from fine)::int'),
  ).toEqual([1, 5]);
});

test('--continue-past-errors restores the rest once each failed object is accepted, and the record keeps the reasons', async () => {
  const { name, client } = await freshDatabase({ schema: FRAGILE });
  const place = path.join(await temporaryFolder(), 'repository');
  const env = { PGDATABASE: name };
  expect(await potctl(['backup', 'create', '--repository', place, '--only', 'db'], { env })).toMatchObject({
    exitCode: 0,
  });
  await client.query('create table younger as select 1 as i');
  await client.end();
  const first = await potctl(['restore', 'run', 'latest', '--repository', place, '--confirm', name], { env });
  expect(first).toMatchObject({ exitCode: 17, stdout: '' });

  const second = await potctl(pasted(first.stderr), { env });
  expect(second, second.stderr).toMatchObject({ exitCode: 20, stdout: '' });
  expect(second.stderr).toContain('live database and files were not changed');
  expect(await valuesOf(name, 'select i from younger')).toEqual([1]);

  const third = await potctl(pasted(second.stderr), { env });
  expect(third.exitCode, third.stderr).toBe(0);
  expect(
    await valuesOf(
      name,
      `select (select count(*) from fine)::int, (select count(*) from people)::int, to_regclass('by_rank')::text`,
    ),
  ).toEqual([5, 0, null]);
  const [run] = (await readRuns(await openedAt(place))).filter(({ state }) => state === 'done');
  expect(run!.accepted!.map((one) => one.name)).toEqual([
    'object:TABLE DATA public.people',
    'object:INDEX public.by_rank',
    'rows:public.people',
  ]);
  expect(run!.accepted![0]!.evidence).toContain('relation "countries" does not exist');
  expect(await potctl(['restore', 'undo', '--repository', place, '--confirm', name], { env })).toMatchObject({
    exitCode: 0,
  });
  expect(await valuesOf(name, 'select i from younger')).toEqual([1]);
});

test('rows that violate a foreign key, and a label of an unloaded provider, fail by name and can be accepted', async () => {
  const { name, parts, query } = await site(`
    create table parent (id int primary key); create table child (id int constraint of_parent references parent);
    set session_replication_role = replica; insert into child values (5); reset session_replication_role;
    insert into pg_seclabel select 'child'::regclass, 'pg_class'::regclass, 0, 'nobody', 'secret'`);
  await query('drop table child');
  const asked = { continuePastErrors: true };
  const names = ['object:FK CONSTRAINT public.child of_parent', 'object:SECURITY LABEL public.TABLE child'];

  const refused = await failureOf(restore(parts, asked));
  expect(refused).toMatchObject({ code: 'E_RESTORE_CHECK', changed: 'nothing' });
  expect((refused.fix.at(-1) as Again).again.filter((word) => word !== '--accept').sort()).toEqual(names);
  expect(refused.why).toContain('violates foreign key constraint');
  expect(refused.why).toContain('security label provider "nobody" is not loaded');
  expect(refused.why).toContain('Command was: ');

  expect(await restore(parts, { ...asked, accept: names })).toMatchObject({
    state: 'done',
    checks: { tables: 2, rows: 1 },
  });
  expect(await valuesOf(name, 'select id from child')).toEqual([5]);
});

test('differing rows, sequences and large objects are refused by name, and accepted only by all of their names', async () => {
  const { parts, repository } = await site(`create table t as select 1 as i; select lo_from_bytea(0, 'x')`);
  await rewriteManifest(repository, await newest(repository), (manifest) => {
    manifest.database!.inventory.tables[0]!.count = 2;
    manifest.database!.inventory.large_objects = 4;
  });
  const names = ['rows:public.t', 'large-objects'];
  const refused = (accept: string[]) => restore(parts, { accept }).catch((error: PotctlError) => error);

  expect(await refused([])).toMatchObject({
    code: 'E_RESTORE_CHECK',
    why: 'row count of public.t: 1 restored, 2 in the backup\nlarge objects: 1 restored, 4 in the backup',
    fix: expect.arrayContaining([again('--accept', 'rows:public.t', '--accept', 'large-objects')]),
  });
  expect(await refused([names[0]!])).toMatchObject({
    code: 'E_RESTORE_CHECK',
    fix: expect.arrayContaining([again('--accept', 'large-objects')]),
  });
  expect(await refused(names)).toMatchObject({ state: 'done' });
  const [run] = (await readRuns(repository)).filter(({ state }) => state === 'done');
  expect(run!.accepted).toEqual([
    { name: 'rows:public.t', evidence: 'row count of public.t: 1 restored, 2 in the backup' },
    { name: 'large-objects', evidence: 'large objects: 1 restored, 4 in the backup' },
  ]);
});

test('an unknown name in --accept is an error, and an unneeded one is a warning', async () => {
  const { name, parts } = await site('create table t as select 1 as i');
  const wrong = await potctl(['restore', 'plan', 'latest', '--accept', 'row:public.t', '--repository', '/nowhere'], {
    env: { PGDATABASE: name },
  });
  expect(wrong).toMatchObject({ exitCode: 2 });
  expect(wrong.stderr).toContain("'--accept row:public.t' is not the name of a blocker or a failed check");
  const told: string[] = [];
  const progress: Progress = (event) => event.kind === 'warning' && told.push(adviceText(event.text));

  const accept = ['rows:public.t', 'subscription none'];
  const planned = await plan(parts, { accept });
  await restore({ ...parts, host: { progress } }, { accept });

  expect(planned.warnings).toContain(
    '--accept subscription none was not needed: there is no such blocker or failed check',
  );
  expect(told).toContain('--accept rows:public.t was not needed: there is no such blocker or failed check');
});

test('a damaged backup is restored as far as it is readable once the damage is accepted by its id', async () => {
  const { name, client } = await freshDatabase({
    schema: 'create table a as select 1 as i; create table b as select 2 as i',
  });
  const place = path.join(await temporaryFolder(), 'repository');
  const env = { PGDATABASE: name };
  await potctl(['backup', 'create', '--repository', place, '--only', 'db'], { env });
  await client.query('drop table b');
  await client.end();
  const repository = await openedAt(place);
  const manifest = await readManifest(repository, await newest(repository));
  const { member } = manifest.database!.inventory.tables.find(({ table }) => table === 'a')!;
  const file = path.join(await repository.artifacts(manifest.id), member!);
  await chmod(file, 0o600);
  await writeFile(file, 'nothing that could be unpacked');

  const run = ['restore', 'run', manifest.id, '--repository', place, '--confirm', name];
  const refused = await potctl(run, { env });
  expect(refused).toMatchObject({ exitCode: 20 });
  expect(refused.stderr).toContain(`--accept damage:${manifest.id}`);

  const listed = await potctl([...pasted(refused.stderr), '--continue-past-errors'], { env });
  expect(listed).toMatchObject({ exitCode: 20 });
  expect(listed.stderr).toContain(`TABLE DATA public.a: skipped, because "${member}" is damaged`);
  expect(await potctl(pasted(listed.stderr), { env })).toMatchObject({ exitCode: 0 });
  expect(await valuesOf(name, 'select (select count(*) from a)::int, (select count(*) from b)::int')).toEqual([0, 1]);
});

test('an error in a plain dump names the line, and the rest is restored once it is accepted', async () => {
  const { name, env, place, dump } = await importable(`${FRAGILE}; drop index by_rank`, ['--format=plain']);
  expect(await potctl(['backup', 'import', dump, '--database-name', name, ...place], { env })).toMatchObject({
    exitCode: 0,
  });

  const first = await potctl(['restore', 'run', 'latest', ...place, '--confirm', name], { env });
  expect(first.exitCode, first.stderr).toBe(17);
  expect(first.stderr).toMatch(/'psql' could not restore LINE \d+/);
  expect(first.stderr).toContain('CONTEXT:  SQL function "is_country"');
  const second = await potctl(pasted(first.stderr), { env });
  expect(second.exitCode, second.stderr).toBe(20);
  const third = await potctl(pasted(second.stderr), { env });

  expect(third.exitCode, third.stderr).toBe(0);
  expect(third.stderr).toContain('Accepted: rows:public.people');
  expect(await valuesOf(name, 'select (select count(*) from fine)::int, (select count(*) from people)::int')).toEqual([
    5, 0,
  ]);
});

test('an imported dump that was loaded through a partition root is compared at the root', async () => {
  const { name, env, place, dump } = await importable(ENUM_HASH, ['--format=custom', '--load-via-partition-root']);
  expect(await potctl(['backup', 'import', dump, '--database-name', name, ...place], { env })).toMatchObject({
    exitCode: 0,
  });

  const planned = await potctl(['restore', 'plan', 'latest', ...place, '--json'], { env });
  expect(JSON.parse(planned.stdout).item.database.loss).toMatchObject({
    missing: [],
    tables: [{ table: 'ph', rows_now: 300, rows_in_backup: 300 }],
  });
  const restored = await potctl(['restore', 'run', 'latest', ...place, '--confirm', name, '--json'], { env });
  expect(JSON.parse(restored.stdout).result).toMatchObject({ state: 'done', checks: { tables: 1, rows: 300 } });
});

test('an error prints fixes before --accept, and --continue-past-errors only if objects are certain to fail', async () => {
  const { name, env, place, dump } = await importable('create table t as select 1 as i', ['--format=plain']);
  const newer = (await readFile(dump, 'utf8')).replace(
    /^-- Dumped from database version .*$/m,
    '-- Dumped from database version 99.1',
  );
  await writeFile(dump, newer);
  expect(await potctl(['backup', 'import', dump, '--database-name', name, ...place], { env })).toMatchObject({
    exitCode: 0,
  });

  const { stderr } = await potctl(['restore', 'run', 'latest', ...place, '--confirm', name], { env });

  const lines = stderr.split('\n').map((line) => line.trim());
  const [mended, accepted] = ['Restore to a server of version 99', 'Or accept the blockers'].map((text) =>
    lines.findLastIndex((line) => line.includes(text)),
  );
  expect(mended, stderr).toBeGreaterThan(0);
  expect(accepted, stderr).toBeGreaterThan(mended!);
  expect(lines[accepted! + 1]).toMatch(/--accept server-version$/);
});

test('the plan and the result of a dump without data say that there are no rows to compare', async () => {
  const { name, env, place, dump } = await importable('create table t as select 1 as i', ['--schema-only', '-Fc']);
  expect(await potctl(['backup', 'import', dump, '--database-name', name, ...place], { env })).toMatchObject({
    exitCode: 0,
  });

  const { exitCode, stderr } = await potctl(['restore', 'run', 'latest', ...place, '--confirm', name], { env });

  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(/Restore +0 rows \(the dump has no data\) into/);
  expect(stderr.match(/0 rows \(the dump has no data\)/g)).toHaveLength(2);
});

/** A database, and a dump of it made by another program. */
async function importable(schema: string, options: string[]) {
  const { name, client } = await freshDatabase({ schema });
  const folder = await temporaryFolder();
  const dump = path.join(folder, 'app.sql');
  const signal = new AbortController().signal;
  await openTestServer(name).runTool('pg_dump', [...options, '-f', dump], { database: name, signal });
  await client.end();
  return { name, dump, env: { PGDATABASE: name }, place: ['--repository', path.join(folder, 'repository')] };
}

/** The error of a refused restore. */
async function failureOf(restoring: Promise<unknown>): Promise<PotctlError> {
  const failure = await restoring.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(PotctlError);
  return failure as PotctlError;
}

/** The complete command in an error, as a person would paste it. */
function pasted(stderr: string): string[] {
  const line = stderr.split('\n').find((one) => /\bpotctl restore run .*(--accept|--continue-past-errors)/.test(one));
  expect(line, stderr).toMatch(/^ +(Do: +)?(PG[A-Z]+=\S+ )*PGDATABASE=\S+ (PG[A-Z]+=\S+ )*potctl /);
  const words = shellWords(line!.trim());
  return words.slice(words.indexOf('potctl') + 1);
}

async function newest(repository: Repository): Promise<string> {
  return (await repository.list()).sort().at(-1)!;
}
