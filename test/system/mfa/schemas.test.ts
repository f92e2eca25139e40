import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { quote } from '../../support/database.js';
import { type MfaSite, mfaSite, WHY } from '../../support/mfa.js';

const POT = readFile(new URL('../../fixtures/schemas/3dpot.sql', import.meta.url), 'utf8');

/** The tables of the application once more, in a schema of their own. */
async function copyIn({ database: { query } }: MfaSite, schema: string, owner?: string): Promise<void> {
  await query(`create schema ${quote(schema)}; set search_path = ${quote(schema)}`);
  await query(`${await POT}; reset search_path`);
  if (owner !== undefined) await giveTo({ query }, schema, owner);
}

async function giveTo({ query }: Pick<MfaSite['database'], 'query'>, schema: string, owner: string): Promise<void> {
  await query(`do $$ declare t regclass; begin
    for t in select oid from pg_class where relnamespace = ${`'${quote(schema)}'`}::regnamespace and relkind = 'r' loop
      execute format('alter table %s owner to ${owner}', t);
    end loop; end $$`);
}

async function aRole({ database: { query, name } }: MfaSite, role: string): Promise<string> {
  await query(`create role ${role} login`);
  await query(`grant create on database ${quote(name)} to ${role}; grant create on schema public to ${role}`);
  return role;
}

const profile = async (site: MfaSite, application: string): Promise<void> =>
  writeFile(site.config, `profiles:\n  test:\n    application: ${application}\n`);

test('a single table restored into another schema does not hide the application', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.database.query(`create schema found; create table found.users (like public.users including all)`);

  expect((await site.mfa(['status', who.id])).exitCode).toBe(0);
  expect((await site.mfa(['reset', who.id, ...WHY, '--confirm', who.name])).exitCode).toBe(0);
});

test('of two complete copies the one in the search_path is used, unless the profile names the other', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await copyIn(site, 'fo"und');
  const other = await site.seed();
  await site.database.query(
    `insert into "fo""und".users (id, email, username, full_name, hashed_password, is_active, is_superuser, role, created_at, updated_at)
     select id, email, username, full_name, hashed_password, is_active, is_superuser, 'user', created_at, updated_at from public.users
      where id = $1`,
    [other.id],
  );

  expect((await site.json(['stats'])).doc.item.total).toBe(2);
  await site.database.query(`alter database ${quote(site.database.name)} set search_path = "fo""und", public`);
  expect((await site.json(['stats'])).doc.item.total).toBe(1);
  await profile(site, '{ schema: public }');
  expect((await site.json(['stats'])).doc.item.total).toBe(2);
  await profile(site, `{ name: 3dpot, schema: 'fo"und' }`);
  expect((await site.json(['stats'])).doc.item.total).toBe(1);
  expect((await site.mfa(['status', who.id])).exitCode).toBe(10);
});

test('two complete copies outside the search_path are refused, and the error shows the setting that decides', async () => {
  const site = await mfaSite('3dpot', { here: true });
  await copyIn(site, 'one');
  await copyIn(site, 'two');
  await site.database.query('drop schema public cascade');

  const { exitCode, error } = await site.json(['stats']);

  expect({ exitCode, code: error.code }).toEqual({ exitCode: 15, code: 'E_APPLICATION' });
  expect(error.fix).toContain('application: { name: 3dpot, schema: "two" }');
  await profile(site, error.fix.find((line: string) => line.includes('"two"')).replace('application: ', ''));
  expect((await site.mfa(['stats'])).exitCode).toBe(0);
});

test('a copy that another role put earlier in the search_path is not used', async () => {
  const site = await mfaSite('3dpot', { here: true });
  await giveTo(site.database, 'public', await aRole(site, 'app_owner'));
  await copyIn(site, 'postgres', await aRole(site, 'mallory_copies'));

  const { exitCode, error } = await site.json(['stats']);

  expect({ exitCode, code: error.code }).toEqual({ exitCode: 15, code: 'E_APPLICATION' });
  expect(error.fix).toContain('application: { name: 3dpot, schema: "public" }');
  await profile(site, '{ name: 3dpot, schema: public }');
  expect((await site.mfa(['stats'])).exitCode).toBe(0);
  await site.database.query('drop owned by app_owner, mallory_copies cascade; drop role app_owner, mallory_copies');
});

test('a table of another owner does not complete the application', async () => {
  const site = await mfaSite('3dpot', { here: true });
  await giveTo(site.database, 'public', await aRole(site, 'app_owner'));
  await aRole(site, 'mallory_adds');
  await site.database.query('alter table audit_log owner to mallory_adds');

  const { exitCode, error } = await site.json(['stats']);

  expect({ exitCode, code: error.code }).toEqual({ exitCode: 15, code: 'E_APPLICATION' });
  expect(JSON.stringify(error)).toMatch(
    /several roles.*app_owner, mallory_adds|several roles.*mallory_adds, app_owner/,
  );
  await profile(site, '{ schema: public }');
  expect((await site.mfa(['stats'])).exitCode).toBe(0);
  await site.database.query('drop owned by app_owner, mallory_adds cascade; drop role app_owner, mallory_adds');
});

test.each([
  ['a view', 'create view audit_log as select * from kept'],
  [
    'a foreign table',
    `create extension postgres_fdw; create server s foreign data wrapper postgres_fdw;
    create foreign table audit_log (id uuid, user_id uuid, acao text, tabela text, registro_id text, dados_novos json, "timestamp" timestamp) server s`,
  ],
])('%s in place of a table is not accepted as one', async (_, sql) => {
  const site = await mfaSite('3dpot', { here: true });
  await site.database.query(`alter table audit_log rename to kept; ${sql}`);

  const { exitCode, error } = await site.json(['stats']);

  expect({ exitCode, code: error.code }).toEqual({ exitCode: 15, code: 'E_APPLICATION' });
  expect(JSON.stringify(error.why)).toContain('the table audit_log is missing');
});

test('an enum and citext are supported in any schema', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const { query } = site.database;
  await query(`create schema types; alter type user_role set schema types; create extension citext schema types;
    alter table users alter email type types.citext, alter username type types.citext`);
  const who = await site.seed({ name: 'Ana.Souza' });
  const [admin] = [await site.seed()];
  await query(`update users set role = 'admin' where id = $1`, [admin!.id]);
  await site.enable(who, ['1234-5678']);

  for (const typed of ['ana.souza', 'ANA.SOUZA@example.com', who.id]) {
    expect((await site.json(['status', typed])).doc).toMatchObject({ item: { state: 'enabled' } });
  }
  const { doc } = await site.json(['list', '--role', 'ADMIN']);
  expect(doc.items).toMatchObject([{ id: admin!.id, admin: true }]);
  expect((await site.mfa(['reset', who.id, ...WHY, '--confirm', who.name])).exitCode).toBe(0);
});

test('a type that only has the name of a supported one is not accepted', async () => {
  const site = await mfaSite('3dpot', { here: true });
  await site.database.query(
    `create domain public."text" as pg_catalog.text; alter table users alter full_name type public."text"`,
  );

  const { exitCode, error } = await site.json(['stats']);

  expect(exitCode).toBe(15);
  expect(JSON.stringify(error.why)).toContain('users.full_name is public.text');
});

test('restoring one table does not affect any mfa command', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  const { potctl } = await import('../../support/run-cli.js');
  const line = (...args: string[]) =>
    potctl([...args, '--repository', path.join(site.folder, 'repository')], {
      env: { PGDATABASE: site.database.name },
    });
  expect((await line('backup', 'create')).exitCode).toBe(0);
  expect(
    (await line('restore', 'run', 'latest', '--tables', 'users', '--into-schema', 'found', '--confirm', 'found'))
      .exitCode,
  ).toBe(0);

  expect((await site.json(['stats'])).doc.item.total).toBe(1);
  expect((await site.mfa(['status', who.id])).exitCode).toBe(0);
});

test('a trigger that relies on the search_path of the application is named, with the command that fixes it', async () => {
  const site = await mfaSite('3dpot', { here: true });
  const who = await site.seed();
  await site.enable(who, ['1234-5678']);
  await site.database.query(`create table public.changes (at timestamptz);
    create function public.note_change() returns trigger language plpgsql as $$ begin insert into changes values (now()); return new; end $$;
    create trigger noted before update on public.users for each row execute function public.note_change()`);
  const reset = ['reset', who.id, ...WHY, '--confirm', who.name];

  const { exitCode, error } = await site.json(reset);

  expect(exitCode).toBe(16);
  expect(error).toMatchObject({
    changed: 'nothing',
    fix: [expect.stringContaining('ALTER FUNCTION public.note_change() SET search_path')],
  });
  expect(await site.stored(who)).toMatchObject({ enabled: true, codes: ['1234-5678'] });
  await site.database.query('alter function public.note_change() set search_path = public, pg_temp');
  expect((await site.mfa(reset)).exitCode).toBe(0);
  expect(await site.database.query('select count(*) > 0 as noted from public.changes')).toEqual([{ noted: true }]);
});
