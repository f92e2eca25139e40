import { expect, test } from 'vitest';
import { findFragileFunctions } from '../../../src/postgres/fragile-functions.js';
import { freshDatabase } from '../../support/database.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const TABLE = `create table countries (code text primary key); create type mood as enum ('sad');
  create function bare(text) returns boolean language sql immutable as 'select exists (select from public.countries where code = $1)';`;

/** Since 17 a server builds no index and no materialized view with such a function, but what is there stays. */
const BARE = `create or replace function bare(text) returns boolean language sql immutable as 'select exists (select from countries where code = $1)'`;

async function found(schema: string): Promise<string[]> {
  const { name } = await freshDatabase({ schema: `${TABLE}${schema}; ${BARE}` });
  const session = await openTestServer(name).session({ purpose: 'test' });
  return (await findFragileFunctions(session)).map(
    ({ signature, usedBy, bareName }) => `${signature} ${bareName}: ${usedBy}`,
  );
}

const bare = (usedBy: string): string[] => [`public.bare(text) countries: ${usedBy}`];

test.each([
  ['a check', 'create table t (c text constraint known check (bare(c)))', 'constraint known'],
  ['a check of a domain', 'create domain d as text constraint known check (bare(value))', 'constraint known'],
  ['an index expression', 'create table t (c text); create index by_it on t (bare(c))', 'public.by_it'],
  ['the condition of an index', 'create table t (c text); create index by_it on t (c) where bare(c)', 'public.by_it'],
  [
    'a generated column',
    'create table t (c text, g boolean generated always as (bare(c)) stored)',
    'a generated column of public.t',
  ],
  ['a partition key', 'create table t (c text) partition by list (bare(c))', 'public.t'],
  [
    'a materialized view',
    'create materialized view m as select bare(code) from countries',
    'the materialized view public.m',
  ],
  [
    'a view under a materialized view',
    'create view v as select bare(code) as b from countries; create materialized view m as select b from v',
    'the materialized view public.m',
  ],
])('a function without search_path in %s is found, with the object that runs it', async (_, schema, usedBy) => {
  expect(await found(schema)).toEqual(bare(usedBy));
});

test('functions that such a function calls are found, and so are unqualified types and calls', async () => {
  const schema = `
    create function outer_one(text) returns boolean language plpgsql immutable as 'begin return public.bare($1); end';
    create function typed(text) returns boolean language sql immutable as 'select $1::mood is null';
    create function calls(text) returns boolean language sql immutable as 'select bare($1)';
    create table t (c text constraint one check (outer_one(c)), constraint two check (typed(c)), constraint three check (calls(c)))`;
  expect((await found(schema)).sort()).toEqual([
    expect.stringContaining('public.bare(text) countries: '),
    'public.calls(text) bare: constraint three',
    'public.typed(text) mood: constraint two',
  ]);
});

test('a function that a restore does not run, or that does not depend on search_path, is not reported', async () => {
  const schema = `
    create function fixed(text) returns boolean language sql immutable set search_path = public as 'select exists (select from countries where code = $1)';
    create function full_name(text) returns boolean language sql immutable as 'select exists (select from public.countries as c where c.code = $1)';
    create function bound(text) returns boolean language sql immutable begin atomic select exists (select from countries where code = $1); end;
    create function columns(countries text) returns boolean language sql immutable as 'select lower(countries) = ''from countries'' -- from countries';
    create function never(text) returns boolean language sql as 'select bare($1)';
    create table t (c text check (fixed(c) and full_name(c) and bound(c) and columns(c)), d boolean default never('x'));
    create view v as select bare('x')`;
  expect(await found(schema)).toEqual([]);
});

test('backup and doctor warn about such a function with the statement that fixes it; the backup is created anyway', async () => {
  const { name, query } = await freshDatabase({
    schema: `${TABLE} create table t (c text constraint known check (bare(c))); ${BARE}`,
  });
  const run = async (...args: string[]) =>
    potctl([...args, '--repository', `${await temporaryFolder()}/r`], { env: { PGDATABASE: name } });
  const line = 'ALTER FUNCTION public.bare(text) SET search_path = public, pg_temp;';

  const created = await run('backup', 'create', '--only', 'db');
  expect(created).toMatchObject({ exitCode: 0 });
  expect(created.stderr).toContain(line);
  const checks = async () => JSON.parse((await run('doctor', '--json')).stdout).items as { check: string }[];
  const functions = async () => (await checks()).find(({ check }) => check === 'functions');
  expect(await functions()).toMatchObject({ state: 'WARN', fix: line });

  await query(line);

  expect(await functions()).toMatchObject({ state: 'OK' });
  expect((await run('backup', 'create', '--only', 'db')).stderr).not.toContain('search_path');
});

const LIB = `create schema lib; create table lib.lim (v int); insert into lib.lim values (100); set search_path = lib, public;
  create function public.ok(i int) returns boolean language sql immutable as 'select i < (select max(v) from lim)';
  create table public.c (i int check (public.ok(i)));`;

test('the printed statement names the right schema: with it writes still work and the warning is gone', async () => {
  const { name, query } = await freshDatabase({ schema: LIB });
  const fixes = async () => {
    const session = await openTestServer(name).session({ purpose: 'test' });
    return (await findFragileFunctions(session)).map(({ fix }) => fix);
  };
  const line = 'ALTER FUNCTION public.ok(i integer) SET search_path = lib, public, pg_temp;';
  expect(await fixes()).toEqual([line]);

  await query('alter function public.ok(int) set search_path = public, pg_temp');
  expect(await fixes()).toEqual(['ALTER FUNCTION public.ok(i integer) SET search_path = public, lib, pg_temp;']);

  await query(line);
  expect(await fixes()).toEqual([]);
  await query('insert into public.c values (1)');
});

test('if several schemas have the name, the printed statement says that it is ambiguous', async () => {
  const { name } = await freshDatabase({ schema: `${LIB} create schema other; create table other.lim (v int)` });
  const session = await openTestServer(name).session({ purpose: 'test' });
  expect((await findFragileFunctions(session)).map(({ fix }) => fix)).toEqual([
    'ALTER FUNCTION public.ok(i integer) SET search_path = SCHEMA, public, pg_temp; (replace SCHEMA, which is ambiguous: "lim" is in lib and in other)',
  ]);
});
