import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countRows } from '../../../src/dump/count-rows.js';
import { openSnapshot } from '../../../src/dump/snapshot.js';
import { readStoredIn, rewrittenReasons, rewrittenSince } from '../../../src/dump/stored-in.js';
import { potctl, type Ran } from '../../support/run-cli.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';
import { type OwnCluster, serverMajor, startOwnCluster } from './own-cluster.js';

let cluster: OwnCluster;

/** A lock table for 24 × 20 locks. */
beforeAll(async () => {
  cluster = await startOwnCluster({
    ...{ max_locks_per_transaction: '24', max_connections: '20', max_worker_processes: '0', max_wal_senders: '0' },
    ...{ autovacuum_max_workers: '1', max_prepared_transactions: '0' },
    ...(serverMajor() >= 18 ? { autovacuum_worker_slots: '1' } : {}),
  });
}, 60_000);
afterAll(() => cluster.stop());

/** Tables `t1`, `t2`, … with one row each. Created one by one, because creating them also takes locks. */
async function makeTables(database: string, count: number, indexes: number): Promise<void> {
  await cluster.sql('postgres', `create database ${database}`);
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  await cluster.sql(
    database,
    ...numbers.map((n) => `create table t${n} as select 1 as i;${` create index on t${n} (i);`.repeat(indexes)}`),
  );
}

async function create(database: string, more: string[] = [], env: Record<string, string> = {}) {
  const repository = path.join(await temporaryFolder(), 'repository');
  const where = ['--repository', repository];
  const ran = await potctl(['backup', 'create', ...where, '--json', ...more], {
    env: { ...cluster.env, PGDATABASE: database, ...env },
  });
  return { ran, where };
}

const resultOf = ({ stdout }: Ran): Record<string, unknown> => JSON.parse(stdout).result;

test('a database within the lock limit of pg_dump -j2 is backed up with exact row counts, after a warning of doctor', async () => {
  await makeTables('many', 320, 2);

  const { ran } = await create('many');

  expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
  expect(resultOf(ran)).toMatchObject({ status: 'complete', rows: 320 });
  const doctor = await potctl(['doctor'], { env: { ...cluster.env, PGDATABASE: 'many' } });
  expect(doctor.stdout).toMatch(/locks\tWARN\t320 tables.*room for 480 locks/);
}, 120_000);

test('counting rows keeps no lock on indexes', async () => {
  await makeTables('indexed', 100, 8);

  const { ran } = await create('indexed');

  expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
  expect(resultOf(ran)).toMatchObject({ status: 'complete', rows: 100 });
}, 120_000);

test('a lock table that is too small is reported with the server’s hint and a fix', async () => {
  await makeTables('toomany', 800, 0);

  const { ran } = await create('toomany');

  const { error } = JSON.parse(ran.stderr.trim().split('\n').at(-1)!);
  if (ran.exitCode === 11) {
    // Sometimes pg_dump reports only that a worker got no lock.
    expect(error).toMatchObject({ code: 'E_DB_LOCKED', fix: [expect.anything(), expect.stringContaining('doctor')] });
    return;
  }
  expect(ran).toMatchObject({ exitCode: 17 });
  expect(error).toMatchObject({
    code: 'E_UNFIT',
    fix: [expect.stringContaining('max_locks_per_transaction'), expect.anything()],
  });
  expect(JSON.stringify(error.why)).toMatch(/You might need to increase ["\\]*max_locks_per_transaction/);
}, 120_000);

test('a table truncated before pg_dump locks it makes the backup degraded if there is no room for our own locks', async () => {
  await makeTables('shaky', 170, 0);
  const server = openTestServer('shaky', {}, cluster.settings);
  const snapshot = await openSnapshot(server, 1_000);
  const { session, tables, storedIn } = snapshot;
  expect(storedIn).not.toBeNull();

  await cluster.sql('shaky', 'truncate t7');

  const rewritten = rewrittenSince(tables, storedIn!, await readStoredIn(session, tables));
  expect(rewrittenReasons(rewritten)).toEqual([expect.stringMatching(/^"public"\."t7": truncated/)]);
  const { counts, degraded } = await countRows(session, tables, 'exact', storedIn);
  expect(counts.size).toBe(169);
  expect(degraded).toEqual([expect.stringContaining('"public"."t7" could not be counted')]);
  await session.close();
}, 60_000);

test('a role with default_transaction_read_only can restore', async () => {
  await cluster.sql(
    'postgres',
    'create role frozen login superuser',
    'alter role frozen set default_transaction_read_only = on',
    'create database ice',
  );
  await cluster.sql(
    'ice',
    'create table t as select generate_series(1, 5) i',
    `alter database ice set default_transaction_read_only = on`,
  );
  const { ran, where } = await create('ice', [], { PGUSER: 'frozen' });
  expect(ran).toMatchObject({ exitCode: 0 });

  const env = { ...cluster.env, PGDATABASE: 'ice', PGUSER: 'frozen' };
  const restored = await potctl(['restore', 'run', 'latest', ...where, '--confirm', 'ice'], { env });
  expect(restored, restored.stderr).toMatchObject({ exitCode: 0 });
  const single = ['--tables', 't', '--into-schema', 'found', '--confirm', 'found'];
  const tables = await potctl(['restore', 'run', 'latest', ...where, ...single], { env });
  expect(tables, tables.stderr).toMatchObject({ exitCode: 0 });

  expect(await cluster.sql('ice', 'select count(*)::int as n from found.t')).toEqual([{ n: 5 }]);
}, 60_000);

test.each(['role', 'database'])(
  'a connection limit of the %s slows a backup down and does not prevent it',
  async (kind) => {
    const name = `tight_${kind}`;
    await cluster.sql('postgres', `create role ${name} login createdb`, `create database ${name} owner ${name}`);
    await cluster.sql(name, 'create table t as select generate_series(1, 5) i', `alter table t owner to ${name}`);
    await cluster.sql('postgres', `alter ${kind} ${name} connection limit ${kind === 'role' ? 4 : 3}`);
    const env = { PGUSER: name };

    const { ran, where } = await create(name, ['--jobs', '4'], env);
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('--jobs 1 instead of 4') });
    const restored = await potctl(['restore', 'run', 'latest', ...where, '--jobs', '4', '--confirm', name], {
      env: { ...cluster.env, PGDATABASE: name, ...env },
    });
    expect(restored, restored.stderr).toMatchObject({ exitCode: 0 });

    await cluster.sql('postgres', `alter ${kind} ${name} connection limit 0`);
    const refused = (await create(name, [], env)).ran;
    expect(refused).toMatchObject({ exitCode: 17 });
    const { error } = JSON.parse(refused.stderr.trim().split('\n').at(-1)!);
    expect(error).toMatchObject({
      code: 'E_UNFIT',
      fix: [
        expect.stringContaining(`ALTER ${kind.toUpperCase()} "${name}" CONNECTION LIMIT`),
        expect.stringContaining('needs 3 connections'),
      ],
    });
  },
  60_000,
);

test.each([
  ['role', 3],
  ['database', 2],
])(
  'at the minimum connection limit of a %s, roles are dumped last; below it, doctor and the error say how many are needed',
  async (kind, fewest) => {
    const name = `tightest_${kind}`;
    await cluster.sql('postgres', `create role ${name} login`, `create database ${name} owner ${name}`);
    await cluster.sql(name, 'create table t as select generate_series(1, 5) i', `alter table t owner to ${name}`);
    const rights = async () => {
      const env = { ...cluster.env, PGDATABASE: name, PGUSER: name };
      const { items } = JSON.parse((await potctl(['doctor', '--json'], { env })).stdout);
      return items.find(({ check }: { check: string }) => check === 'backup rights');
    };
    await cluster.sql('postgres', `alter ${kind} ${name} connection limit ${fewest}`);
    expect(await rights()).toMatchObject({ state: 'OK' });
    for (const jobs of ['4', '1']) {
      const { ran } = await create(name, ['--jobs', jobs], { PGUSER: name });
      expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
      expect(resultOf(ran)).toMatchObject({ status: 'complete', rows: 5 });
    }

    await cluster.sql('postgres', `alter ${kind} ${name} connection limit ${fewest - 1}`);
    const line = `ALTER ${kind.toUpperCase()} "${name}" CONNECTION LIMIT 20;`;
    expect(await rights()).toMatchObject({ state: 'WARN', fix: `as a superuser: ${line}` });
    const { ran } = await create(name, ['--jobs', '1'], { PGUSER: name });
    expect(ran).toMatchObject({ exitCode: 17 });
    const { error } = JSON.parse(ran.stderr.trim().split('\n').at(-1)!);
    expect(error.fix).toEqual([`As a superuser: \`${line}\``, expect.stringContaining('needs 3 connections')]);
  },
  60_000,
);
