import { expect, test } from 'vitest';
import { potctlHere as potctl } from '../../support/run-main.js';
import { SHOP, tablesSite } from './single-tables.js';

async function cli() {
  const site = await tablesSite(
    `${SHOP} create schema twin; create table twin.users (i int); create table "Users" (i int);`,
  );
  const env = { PGDATABASE: site.name };
  const run = (...flags: string[]) =>
    potctl(['restore', 'run', 'latest', '--repository', site.parts.repository.url, ...flags], { env });
  return { ...site, run };
}

test('contradictory options are refused with advice, and nothing is created', async () => {
  const { run, query, leftovers } = await cli();
  await query('create schema taken; create table taken.orders (i int)');
  const cases: [string[], number, string][] = [
    [['--tables', 'orders'], 2, "'--into-schema NAME'"],
    [['--tables', 'ordres', '--into-schema', 's'], 10, "Did you mean 'public.orders'?"],
    [['--tables', 'users', '--into-schema', 's'], 2, "several schemas have a table 'users'"],
    [['--tables', 'log_old_1', '--into-schema', 's'], 30, "a partition of 'public.log_old'"],
    [['--tables', 'dear', '--into-schema', 's'], 30, 'is a view'],
    [['--tables', 'orders', '--into-schema', 'taken'], 30, 'already contains "orders"'],
    [['--tables', 'orders', '--into-schema', 's', '--confirm', 'wrong'], 30, 'E_CONFIRM_WRONG'],
  ];
  for (const [flags, exitCode, text] of cases) {
    const refused = await run(...flags);
    expect(refused, flags.join(' ')).toMatchObject({ exitCode, stdout: '' });
    expect(refused.stderr, flags.join(' ')).toContain(text);
  }
  expect(await leftovers()).toEqual([]);
  expect(await query(`select nspname from pg_namespace where nspname = 's'`)).toEqual([]);
});

test('missing dependencies in the live database block: a type found by the plan, a function found by the restore', async () => {
  const { query, restore, leftovers } = await tablesSite(`
    create type mood as enum ('calm'); create function "F x"(int) returns int language sql immutable as 'select $1';
    create table a (m mood); create table b (i int default "F x"(1)); insert into b values (1)`);
  await query('drop type mood cascade');
  await query('drop function "F x" cascade');

  await expect(restore('a', 'found')).rejects.toMatchObject({
    code: 'E_BLOCKED',
    message: expect.stringContaining('the type public.mood'),
  });
  await expect(restore('b', 'found')).rejects.toMatchObject({
    code: 'E_BLOCKED',
    why: expect.stringContaining('function public."F x"(integer)'),
  });
  expect(await leftovers()).toEqual([]);
});

test('a publication of all tables, which would replicate the rows, blocks until accepted by name', async () => {
  const { query, restore } = await tablesSite('create table a as select 1 as i');
  await query('create publication everything for all tables');
  await expect(restore('a', 'found')).rejects.toMatchObject({
    code: 'E_BLOCKED',
    message: expect.stringContaining('"everything"'),
  });
  await restore('a', 'found', { accept: ['publication everything'] });
  expect(await query('select i from found.a')).toEqual([{ i: 1 }]);
});

test('the plan shows tables, dependencies and what is not restored, for people and as JSON, and the run shows the result', async () => {
  const { run, name, parts, query } = await cli();
  const flags = ['--tables', 'orders,"Users"', '--into-schema', 'found'];
  const plan = (...more: string[]) =>
    potctl(['restore', 'plan', 'latest', '--repository', parts.repository.url, ...flags, ...more], {
      env: { PGDATABASE: name },
    });

  const shown = await plan();
  expect(shown.exitCode).toBe(0);
  expect(shown.stdout).toMatch(/Table +public\.orders +1,000 rows/);
  expect(shown.stderr).toMatch(/To restore it: .*potctl restore run \S+ .*--tables .*--into-schema /);
  expect(shown.stdout).toContain('left out: trigger public.orders orders_noted');
  const { item } = JSON.parse((await plan('--json')).stdout);
  expect(item).toMatchObject({
    mode: 'tables',
    exit: 0,
    schema: 'found',
    schema_exists: false,
    tables: [
      { table: 'orders', rows: 1000 },
      { table: 'Users', rows: 0 },
    ],
  });
  expect(item.needs).toEqual([{ kind: 'sequence', name: 'public.loose', present: true }]);

  const dry = await run(...flags, '--dry-run');
  expect(dry).toMatchObject({ exitCode: 0, stdout: '' });
  const done = JSON.parse((await run(...flags, '--json')).stdout);
  expect(done).toMatchObject({
    ok: true,
    changed: true,
    result: { mode: 'tables', schema: 'found', restored: { tables: 2, rows: 1000, not_compared: 0 } },
  });
  expect(await query('select count(*)::int as n from found.orders')).toEqual([{ n: 1000 }]);
  const listed = await potctl(['restore', 'list', '--repository', parts.repository.url, '--json'], {
    env: { PGDATABASE: name },
  });
  expect(JSON.parse(listed.stdout).items).toMatchObject([{ state: 'done', undo: null, into_schema: 'found' }]);
  const undone = await potctl(['restore', 'undo', done.result.run_id, '--repository', parts.repository.url], {
    env: { PGDATABASE: name },
  });
  expect(undone).toMatchObject({
    exitCode: 30,
    stderr: expect.stringContaining('its tables are in the schema "found"'),
  });
});
