import { expect, test } from 'vitest';
import type { ConnectionSettings } from '../../../src/config/libpq/settings.js';
import { freshDatabase, inMaintenance } from '../../support/database.js';
import { openTestServer } from '../../support/server.js';

test('a session uses UTC, names its purpose, and returns numbers and times as text', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);

  const session = await server.session({ purpose: 'test' });

  expect(
    await session.query(
      `select current_setting('timezone') as zone, current_setting('application_name') as application,
              9007199254740993::int8 as big, 1.10::numeric as amount, '2026-01-02 03:04:05.123456+02'::timestamptz as at,
              current_setting('statement_timeout') as timeout, pg_backend_pid() as pid`,
    ),
  ).toEqual([
    {
      zone: 'UTC',
      application: 'potctl:test',
      big: '9007199254740993',
      amount: '1.10',
      at: '2026-01-02 01:04:05.123456+00',
      timeout: '30s',
      pid: session.pid,
    },
  ]);
  expect(session.versionNum).toBeGreaterThanOrEqual(90_600);
});

test('a connection terminated by others rejects the running and the next statement, and affects nothing else', async () => {
  const { name } = await freshDatabase();
  const session = await openTestServer(name).session({ purpose: 'victim' });

  const sleeping = session.query('select pg_sleep(20)');
  sleeping.catch(() => {});
  await inMaintenance((client) => client.query('select pg_terminate_backend($1)', [session.pid]));

  await expect(sleeping).rejects.toMatchObject({ code: 'E_DB_UNREACHABLE' });
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'E_DB_UNREACHABLE' });
});

test('an abort cancels the running statement, and a session opened later works', async () => {
  const { name, query } = await freshDatabase();
  const abort = new AbortController();
  const server = openTestServer(name, { signal: abort.signal });
  const session = await server.session({ purpose: 'long', statementTimeoutMs: 0 });

  const sleeping = session.query('select pg_sleep(60)');
  setTimeout(() => abort.abort(), 100);

  await expect(sleeping).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  // The server takes a moment to notice.
  const active = () => query(`select state from pg_stat_activity where pid = $1 and state = 'active'`, [session.pid]);
  await expect.poll(active, { timeout: 5_000 }).toEqual([]);
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  const after = await server.session({ purpose: 'clean up' });
  expect(await after.query('select 1 as one')).toEqual([{ one: 1 }]);
});

test('a second query of the server reuses the connection, with nothing left of its earlier use', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);
  const first = await server.maintenanceSession('first');
  await first.query('create temporary table left_over (id int)');
  await first.query(`begin; set local lock_timeout = 1; set statement_timeout = 7; select pg_advisory_lock(4711)`);
  await first.close();

  const second = await server.maintenanceSession('second');

  expect(second.pid).toBe(first.pid);
  expect(
    await second.query(
      `select current_setting('application_name') as application, current_setting('statement_timeout') as timeout,
              current_setting('lock_timeout') as lock, current_setting('search_path') as path,
              to_regclass('pg_temp.left_over')::text as table, now() = statement_timestamp() as outside,
              (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())::int as locks`,
    ),
  ).toEqual([
    {
      application: 'potctl:second',
      timeout: '30s',
      lock: '10s',
      path: 'pg_catalog, pg_temp',
      table: null,
      outside: true,
      locks: 0,
    },
  ]);
  await expect(first.query('select 1')).rejects.toMatchObject({ code: 'E_DB_UNREACHABLE' });
  const beside = await server.maintenanceSession('beside');
  expect(beside.pid).not.toBe(second.pid);
});

test('a kept connection that died is replaced, and none outlives its server or a few seconds', async () => {
  const { name, query } = await freshDatabase();
  const server = openTestServer(name);
  const pids: number[] = [];
  const useOnce = async (): Promise<void> => {
    const session = await server.maintenanceSession('use');
    pids.push(session.pid);
    await session.close();
  };
  const alive = async (): Promise<unknown[]> =>
    query('select pid from pg_stat_activity where pid = any ($1::int[])', [pids]);

  await useOnce();
  await query('select pg_terminate_backend($1)', [pids[0]]);
  await expect.poll(alive).toEqual([]);
  await useOnce();
  expect(await alive()).toEqual([{ pid: pids[1] }]);
  await expect.poll(alive, { timeout: 10_000 }).toEqual([]);
  await useOnce();
  await server.close();
  await expect.poll(alive).toEqual([]);
});

test('a kept connection that does not answer is dropped within seconds', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);
  const first = await server.maintenanceSession('first');
  await first.close();

  process.kill(first.pid, 'SIGSTOP');
  try {
    const second = await server.maintenanceSession('second');
    expect(second.pid).not.toBe(first.pid);
    expect(await second.query('select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    process.kill(first.pid, 'SIGCONT');
  }
});

test('an error shows the server’s detail and hint, but never a detail that contains a row', async () => {
  const { name, query } = await freshDatabase({ schema: 'create table t (secret text primary key)' });
  await query(`insert into t values ('canary')`);
  const session = await openTestServer(name).session({ purpose: 'test' });

  await expect(session.query('select secre from public.t')).rejects.toMatchObject({
    why: { sqlstate: '42703', hint: expect.stringContaining('"t.secret"') },
  });
  await expect(session.query('alter table public.t add constraint t_pkey primary key (secret)')).rejects.toMatchObject({
    why: { sqlstate: '42P16' },
  });
  await query('create view v as select * from t');
  await expect(session.query('drop table public.t')).rejects.toMatchObject({
    why: {
      detail: expect.stringContaining('view public.v depends on table public.t'),
      hint: expect.stringContaining('CASCADE'),
    },
  });
  const broken = await session.query(`insert into public.t values ('canary')`).catch((error: unknown) => error);
  expect(broken).toMatchObject({ why: { sqlstate: '23505' } });
  expect(JSON.stringify(broken)).not.toContain('canary');
});

test('a role with default_transaction_read_only gets an error with the statement that changes it', async () => {
  const { name } = await freshDatabase();
  const session = await openTestServer(name).session({ purpose: 'test' });
  await session.query('set default_transaction_read_only = on');

  await expect(session.query('create table public.t ()')).rejects.toMatchObject({
    code: 'E_UNFIT',
    why: { sqlstate: '25006' },
    fix: [expect.stringContaining('ALTER ROLE "postgres" RESET default_transaction_read_only;'), expect.anything()],
  });
});

test.each([
  ['a missing database, with those of a similar name', { database: 'no_such_db' }, 'E_DATABASE_NOT_FOUND'],
  ['a role that does not exist', { user: 'nobody_here' }, 'E_DB_DENIED'],
  ['a port where nobody listens', { port: 9 }, 'E_DB_UNREACHABLE'],
  ['a host that does not exist', { host: 'no-such-host.invalid' }, 'E_DB_UNREACHABLE'],
  ['a refused TCP connection', { host: '127.0.0.1', port: 9 }, 'E_DB_UNREACHABLE'],
])('reports %s', async (_, change, code) => {
  const { name } = await freshDatabase();
  const server = openTestServer(name, {}, change as Partial<ConnectionSettings>);

  await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({ code, changed: 'nothing' });
});

test.each([
  ['select 1 from no_such_table', 'E_DB_QUERY', '42P01'],
  ['begin; lock table public.held in access share mode', 'E_DB_LOCKED', '55P03'],
  ['set role pg_monitor; select * from pg_authid', 'E_DB_DENIED', '42501'],
])('%s leads to %s', async (sql, code, sqlstate) => {
  const { name, client } = await freshDatabase({ schema: 'create table held()' });
  await client.query('begin; lock table held in access exclusive mode');
  const session = await openTestServer(name).session({ purpose: 'test' });
  await session.query(`set lock_timeout = '100ms'`);

  await expect(session.query(sql)).rejects.toMatchObject({ code, why: { sqlstate } });
});

test('a statement with values cannot contain two statements', async () => {
  const { name } = await freshDatabase();
  const session = await openTestServer(name).session({ purpose: 'test' });

  await expect(session.query('select 1; select 2', [])).rejects.toMatchObject({ code: 'E_DB_QUERY' });
  expect(await session.query('select 1 as x; select 2 as x')).toEqual([{ x: 2 }]);
});

test('a session that is opened during the swap of its database opens on the one that took the name', async () => {
  const [live, staged] = [await freshDatabase(), await freshDatabase()];
  for (const { client } of [live, staged]) await client.end();
  const [{ oid }] = (await inMaintenance(async (client) => {
    const { rows } = await client.query('select oid::text from pg_database where datname = $1', [staged.name]);
    return rows;
  })) as [{ oid: string }];

  const opening = await inMaintenance(async (client) => {
    await client.query('begin');
    await client.query(`alter database ${live.name} rename to ${live.name}_before_swap`);
    await client.query(`alter database ${staged.name} rename to ${live.name}`);
    const session = openTestServer(live.name).session({ purpose: 'late' });
    session.catch(() => {});
    await expect.poll(() => waitingConnections()).toBeGreaterThan(0);
    await client.query('commit');
    return session;
  });

  const now = await opening.query('select oid::text from pg_database where datname = current_database()');
  expect(now).toEqual([{ oid }]);
});

/** Connections that wait for the lock of a database. */
async function waitingConnections(): Promise<number> {
  const sql = `select count(*)::int as n from pg_locks where not granted and classid = 'pg_database'::regclass`;
  return inMaintenance(async (client) => (await client.query<{ n: number }>(sql)).rows[0]!.n);
}
