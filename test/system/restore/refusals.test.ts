import { chmod, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ProgressEvent } from '../../../src/kernel/progress.js';
import { adviceText } from '../../support/advice.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, plan, restore, testRepository } from '../../support/restoring.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const SCHEMA = 'create table t as select generate_series(1, 10) i';

async function site(schema = SCHEMA, user?: string) {
  const database = await freshDatabase({ schema });
  const server = openTestServer(database.name);
  const repository = await testRepository();
  await backUp({ server, repository });
  const asked = user === undefined ? server : openTestServer(database.name, {}, { user });
  return { ...database, repository, parts: { server: asked, repository } };
}

/** A role that is dropped after the test, with everything it owns. */
async function freshRole(attributes: string, grantedOn: string[] = []): Promise<string> {
  const role = `role_${Math.random().toString(36).slice(2, 10)}`;
  await inMaintenance((client) => client.query(`create role ${role} ${attributes}`));
  onTestFinished(async () => {
    for (const database of grantedOn) {
      const client = await connect(database).catch(() => null);
      await client?.query(`drop owned by ${role}`).catch(() => {});
      await client?.end();
    }
    await inMaintenance((client) => client.query(`drop role if exists ${role}`)).catch(() => {});
  });
  return role;
}

const texts = (blocking: readonly { readonly text: string }[]): string[] => blocking.map(({ text }) => text);

test('a template, a prepared transaction, and objects bound to the database block until removed or accepted', async () => {
  const { name, parts, query } = await site(`${SCHEMA}; create publication p for all tables`);
  const database = quote(name);
  const subscription = `sub_${name}`;
  await query(`create subscription ${subscription} connection 'host=nowhere' publication p with (connect = false)`);
  onTestFinished(async () => {
    for (const name of await familyOf(database)) await dropSubscription(name, subscription);
  });
  const other = await connect(name);
  await other.query(`begin; insert into t values (1); prepare transaction '${name}'`);
  await inMaintenance((client) => client.query(`alter database ${database} is_template true`));

  const blocked = await plan(parts);
  expect(texts(blocked.blocking)).toEqual([
    `the database "${name}" is a template`,
    `the prepared transaction "${name}" locks the database`,
    `subscription ${subscription} is bound to the current database and would stay with it after the swap`,
  ]);
  await expect(restore(parts)).rejects.toMatchObject({ code: 'E_BLOCKED', changed: 'nothing' });

  await other.query(`rollback prepared '${name}'`);
  await other.end();
  await inMaintenance((client) => client.query(`alter database ${database} is_template false`));
  expect(await restore(parts, { accept: [`subscription ${subscription}`] })).toMatchObject({ state: 'done' });
});

async function familyOf(name: string): Promise<string[]> {
  return inMaintenance(async (client) => {
    const sql = `select datname from pg_database where starts_with(datname, $1)`;
    return (await client.query<{ datname: string }>(sql, [name.replaceAll('"', '')])).rows.map((row) => row.datname);
  });
}

async function dropSubscription(database: string, subscription: string): Promise<void> {
  const client = await connect(database);
  const exists = await client.query(
    `select from pg_subscription where subname = $1 and subdbid = (select oid from pg_database where datname = current_database())`,
    [subscription],
  );
  if (exists.rows.length > 0) {
    await client.query(`alter subscription ${subscription} set (slot_name = none)`);
    await client.query(`drop subscription ${subscription}`);
  }
  await client.end();
}

test('missing roles are reported in advance, and created only with --create-roles, as in the backup', async () => {
  const role = await freshRole(`login connection limit 3 password 'canary-of-${Date.now()}'`);
  const { name, parts, query } = await site(`${SCHEMA}; alter table t owner to ${role}`);
  await query(`alter table t owner to postgres`);
  await inMaintenance((client) => client.query(`drop role ${role}`));

  const blocked = await plan(parts);
  expect(texts(blocked.blocking)).toEqual([`roles used in the backup do not exist: "${role}"`]);

  await restore(parts, { createRoles: true });
  const sql = `select rolcanlogin as login, rolconnlimit as connections, rolpassword like 'SCRAM%' as scram from pg_authid where rolname = $1`;
  const { rows } = await inMaintenance((client) => client.query(sql, [role]));
  expect(rows).toEqual([{ login: true, connections: 3, scram: true }]);
  await inMaintenance((client) => client.query(`drop database ${quote(name)} with (force)`));
});

test('created roles get their groups and settings; a setting that this server rejects leads to a warning', async () => {
  const role = await freshRole('login');
  const group = await freshRole('nologin');
  const { name, parts, query } = await site(`${SCHEMA}; alter table t owner to ${role}; grant ${group} to ${role};
    comment on role ${role} is 'of the application';
    alter role ${role} set search_path = app, public; alter role ${role} set "gone.setting" = 'x'`);
  await query(`alter table t owner to postgres`);
  await inMaintenance((client) => client.query(`drop role ${role}; drop role ${group}`));
  const warnings: string[] = [];
  const progress = (event: ProgressEvent) => void (event.kind === 'warning' && warnings.push(adviceText(event.text)));

  expect((await plan(parts, { createRoles: true })).database?.createdRoles).toEqual([role, group].sort());
  await restore({ ...parts, host: { progress } }, { createRoles: true });

  const { rows } = await inMaintenance((client) =>
    client.query(
      `select rolconfig as settings, pg_has_role(oid, $2, 'MEMBER') as member, shobj_description(oid, 'pg_authid') as comment
         from pg_roles where rolname = $1`,
      [role, group],
    ),
  );
  expect(rows).toMatchObject([{ member: true, comment: 'of the application' }]);
  expect(rows[0].settings).toContain('search_path=app, public');
  await inMaintenance((client) => client.query(`drop database ${quote(name)} with (force)`));
});

test('objects of pg_database_owner are restored by the owner of the database', async () => {
  const role = await freshRole('login createdb');
  const { name, parts, query } = await site(SCHEMA, role);
  await inMaintenance((client) => client.query(`alter database ${quote(name)} owner to ${role}`));
  await query(
    `alter table t owner to ${role}; comment on schema public is 'ours'; grant usage on schema public to ${role}`,
  );
  await backUp({ ...parts, server: openTestServer(name) });
  const dropped = connectionEnded(name);
  await inMaintenance((client) =>
    client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]),
  );
  await dropped;

  expect((await plan(parts)).blocking).toEqual([]);
  expect(await restore(parts)).toMatchObject({ state: 'done' });

  const client = await connect(name);
  const { rows } = await client.query(
    `select nspowner::regrole::text as owner, obj_description(oid) as comment from pg_namespace where nspname = 'public'`,
  );
  await client.end();
  expect(rows).toEqual([{ owner: 'pg_database_owner', comment: 'ours' }]);
});

test('roles created by a failed restore are dropped again', async () => {
  const role = await freshRole('nologin');
  const { parts, query } = await site(`${SCHEMA}; alter table t owner to ${role}`);
  await query(`alter table t owner to postgres`);
  await inMaintenance((client) => client.query(`drop role ${role}`));
  const uninterrupted = async () => Promise.reject(new Error('struck by lightning'));

  const struck = restore({ ...parts, host: { uninterrupted } }, { createRoles: true });

  await expect(struck).rejects.toThrow('struck');
  const { rows } = await inMaintenance((client) => client.query('select from pg_roles where rolname = $1', [role]));
  expect(rows).toEqual([]);
});

test('an owner without superuser rights restores what needs none', async () => {
  const role = await freshRole('login createdb');
  const { name, parts, query } = await site(`${SCHEMA}; create extension if not exists plpgsql`, role);
  await inMaintenance((client) => client.query(`alter database ${quote(name)} owner to ${role}`));
  await query(
    `alter table t owner to ${role}; alter table t enable row level security; alter table t force row level security`,
  );
  await backUp({ ...parts, server: openTestServer(name) });
  await query('delete from t');

  const busy = await plan(parts);
  expect(busy.blocking).toMatchObject([{ code: 'E_TARGET_BUSY', text: expect.stringContaining('(postgres, ') }]);
  const dropped = connectionEnded(name);
  await inMaintenance((client) =>
    client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]),
  );
  await dropped;

  const result = await restore(parts);

  expect(result).toMatchObject({ state: 'done', checks: { tables: 1, rows: 10 } });
  await inMaintenance(async (client) => {
    await client.query(`drop database ${quote(name)} with (force)`);
    await client.query(`drop database ${quote(result.oldDatabase!)} with (force)`);
  });
});

async function connectionEnded(name: string): Promise<void> {
  const sql = 'select from pg_stat_activity where datname = $1';
  for (let tries = 0; tries < 100; tries += 1) {
    const { rows } = await inMaintenance((client) => client.query(sql, [name]));
    if (rows.length === 0) return;
  }
}

test('objects that need a superuser are reported to other roles', async () => {
  const role = await freshRole('login');
  const { name, parts } = await site(
    `${SCHEMA}; create publication "all of it" for all tables;
     create function f() returns event_trigger language plpgsql as $$begin end$$;
     create event trigger watch on ddl_command_end execute function f()`,
    role,
  );

  const { blocking } = await plan(parts);

  expect(texts(blocking)).toEqual(
    expect.arrayContaining([
      `the role "${role}" may not create databases`,
      `objects belong to "postgres", and "${role}" is not a member of that role`,
      'only a superuser may create EVENT TRIGGER watch',
      'only a superuser may create PUBLICATION "all of it" FOR ALL TABLES',
      `the role "${role}" does not own the database "${name}"`,
    ]),
  );
});

test('a server other than the expected one, and production without -p, are refused', async () => {
  const { parts } = await site();
  const wrong = await plan({ ...parts, settings: { expect: { systemIdentifier: '4711' } } });
  expect(wrong.blocking).toMatchObject([{ code: 'E_WRONG_TARGET' }]);
  const production = { name: 'prod', environment: 'production', onCommandLine: false } as const;
  const fromSet = (await plan(parts)).set;
  const unnamed = await plan({ ...parts, settings: { profile: production } }, { fromSet });
  expect(unnamed.blocking).toMatchObject([{ code: 'E_PROFILE_REQUIRED' }]);
});

test('a wrong --confirm, or none without a terminal, changes nothing', async () => {
  const { name, query, repository } = await site();
  await query('delete from t');
  const where = ['restore', 'run', '--repository', repository.url];
  const env = { PGDATABASE: name };

  expect(await potctl([...where, '--confirm', 'other'], { env })).toMatchObject({ exitCode: 30 });
  const none = await potctl(where, { env });
  expect(none).toMatchObject({ exitCode: 30, stderr: expect.stringContaining(`--confirm ${name}`) });
  expect(await potctl([...where, '--dry-run'], { env })).toMatchObject({ exitCode: 0, stdout: '' });

  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 0 }]);
  expect(await repository.listDocuments('restores')).toEqual([]);
});

test('a damaged artifact is found before anything is restored, and nothing is swapped', async () => {
  const { name, query, repository } = await site();
  const [id] = await repository.list();
  const dump = path.join(repository.url, 'backups', id!, 'db', 'dump');
  const member = (await readdir(dump)).find((file) => file.endsWith('.gz') || file.endsWith('.zst'))!;
  await chmod(path.join(dump, member), 0o600);
  await writeFile(path.join(dump, member), '');
  await query('delete from t');

  const run = await potctl(['restore', 'run', id!, '--repository', repository.url, '--confirm', name, '--json'], {
    env: { PGDATABASE: name },
  });

  expect(run.exitCode).toBe(20);
  expect(JSON.parse(run.stderr.trim().split('\n').at(-1)!)).toMatchObject({
    error: { code: 'E_BACKUP_CORRUPT', changed: 'nothing' },
  });
  expect(await query('select count(*)::int as n from t')).toEqual([{ n: 0 }]);
});

test('a missing repository, no backups, and an unknown id each have their own error', async () => {
  const { name, repository } = await site();
  const env = { PGDATABASE: name };
  const unknown = await potctl(['restore', 'run', 'ffffff', '--repository', repository.url], { env });
  expect(unknown).toMatchObject({ exitCode: 10, stderr: expect.stringContaining('E_BACKUP_NOT_FOUND') });
  const empty = path.join(await temporaryFolder(), 'none');
  const none = await potctl(['restore', 'list', '--repository', empty], { env });
  expect(none).toMatchObject({
    exitCode: 15,
    stdout: '',
    stderr: expect.stringContaining('there is no repository at'),
  });
  expect((await potctl(['restore', 'undo', '--repository', repository.url], { env })).exitCode).toBe(10);
});

test('a count refused by row security or privileges is not reported as slow', async () => {
  const role = await freshRole('login createdb');
  const { parts, query } = await site(`${SCHEMA}; create table closed (i int); create table own (i int)`, role);
  await query(
    `grant select on t to ${role}; alter table t enable row level security; alter table own owner to ${role}`,
  );

  const { database } = await plan(parts);

  expect(database?.loss?.unknown).toEqual([
    '2 tables are estimated: this role may not read all rows (privileges or row security)',
    expect.stringContaining('no known timestamp column (updated_at, created_at, …)'),
  ]);
  await query(`alter table own owner to postgres; revoke select on t from ${role}`);
});
