import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { ProgressEvent } from '../../../src/kernel/progress.js';
import type { Server, Session } from '../../../src/postgres/server.js';
import { readRuns, writeRun } from '../../../src/runs/record.js';
import { adviceText } from '../../support/advice.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { testPotctl } from '../../support/host.js';
import { backUp, planUndo, restore, testRepository, undo, withTree } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { describeTree, makeTree } from '../../support/tree.js';

/** A database with ten rows and a tree, both backed up and then changed. */
async function site(more = '') {
  const schema = `create table t as select generate_series(1, 10) i; ${more}`;
  const database = await freshDatabase({ schema });
  const tree = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const server = openTestServer(database.name);
  const repository = await testRepository();
  const parts = { server, repository, ...withTree(tree) };
  await backUp(parts);
  await database.query('delete from t');
  await writeFile(path.join(tree, 'a.txt'), 'changed');
  return { ...database, tree, repository, parts, changed: await describeTree(tree) };
}

async function ask(database: string, sql: string): Promise<unknown> {
  const client = await connect(database);
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

const rows = (database: string) => ask(database, 'select count(*)::int from t');

async function databases(prefix: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1) order by 1';
  return inMaintenance(async (client) =>
    (await client.query<{ datname: string }>(sql, [prefix])).rows.map(({ datname }) => datname),
  );
}

test('a database that took the live name during the restore is not replaced', async () => {
  const { name, tree, parts, changed } = await site();
  const uninterrupted = async <T>(work: () => Promise<T>): Promise<T> => {
    await inMaintenance(async (client) => {
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
      await client.query(`alter database ${quote(name)} rename to ${quote(`${name}_before_human`)}`);
      await client.query(`create database ${quote(name)}`);
    });
    await ask(name, 'create table theirs (i int)');
    return work();
  };

  const run = restore({ ...parts, host: { uninterrupted } });

  await expect(run).rejects.toMatchObject({ code: 'E_REFUSED', changed: 'nothing' });
  expect(await ask(name, `select count(*)::int from pg_class where relname = 'theirs'`)).toBe(1);
  expect(await databases(name)).toEqual([name, `${name}_before_human`]);
  expect(await describeTree(tree)).toEqual(changed);
});

test('a restored database that was live for a moment is kept if the tree swap fails, because it may have new rows', async () => {
  const { name, tree, parts, changed } = await site();
  const runId = 'rfailed';
  const uninterrupted = async <T>(work: () => Promise<T>): Promise<T> => {
    await rm(path.join(tree, `.potctl-restore-${runId}`), { recursive: true });
    return work();
  };

  const failed = restore({ ...parts, host: { uninterrupted, who: { runId } } });

  const kept = `${name}_restore_${runId}`;
  await expect(failed).rejects.toMatchObject({ changed: 'scratch', changedDetail: expect.stringContaining(kept) });
  expect([await rows(name), await describeTree(tree), await rows(kept)]).toEqual([0, changed, 10]);
  expect(await restore(parts)).toMatchObject({ state: 'done' });
  expect(await databases(name)).toContain(kept);
});

test('a run whose previous database is live again cannot be undone a second time', async () => {
  const { name, parts } = await site();
  const { oldDatabase, runId } = await restore(parts, { only: 'db' });
  await inMaintenance(async (client) => {
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    await client.query(`alter database ${quote(name)} rename to ${quote(`${name}_before_human`)}`);
    await client.query(`alter database ${quote(oldDatabase!)} rename to ${quote(name)}`);
  });

  await expect(undo(parts, runId)).rejects.toMatchObject({ code: 'E_BLOCKED', changed: 'nothing' });
});

test('a run on a database other than the target is not undone', async () => {
  const { name, parts } = await site();
  const other = await freshDatabase();
  const { runId } = await restore(parts, { only: 'db' });

  const refused = planUndo({ ...parts, server: openTestServer(other.name) }, runId);

  await expect(refused).rejects.toMatchObject({
    code: 'E_WRONG_TARGET',
    message: expect.stringContaining(name),
    why: undefined,
  });
});

test('a record with edited names makes potctl drop no other database, and leads to a warning', async () => {
  const { name, parts, repository } = await site();
  await restore(parts, { only: 'db' });
  const victim = await freshDatabase();
  const record = (await readRuns(repository))[0]!;
  const incoming = { oid: null, staged_as: victim.name };
  await writeRun(repository, { ...record, state: 'running', database: { ...record.database!, incoming } });
  const warnings: string[] = [];
  const progress = (event: ProgressEvent) => void (event.kind === 'warning' && warnings.push(adviceText(event.text)));

  await restore({ ...parts, host: { progress } });

  expect(await databases(victim.name)).toEqual([victim.name]);
  expect(warnings).toContainEqual(expect.stringContaining(`restores/${record.run_id}.json`));
  expect(await rows(name)).toBe(10);
});

/** A backup with a table whose role has been dropped since. */
async function siteOfLostRole() {
  const role = `role_${Math.random().toString(36).slice(2, 10)}`;
  onTestFinished(async () => {
    await inMaintenance((client) => client.query(`drop owned by ${role}; drop role ${role}`)).catch(() => {});
  });
  const made = await site(`create role ${role}; create table owned (); alter table owned owner to ${role}`);
  await made.query('drop table owned');
  await inMaintenance((client) => client.query(`drop role ${role}`));
  return { ...made, role, options: { createRoles: true } };
}

const exists = (role: string) => ask('postgres', `select count(*)::int from pg_roles where rolname = '${role}'`);

test('a role that a failed restore created and that is in use now is kept, and blocks nobody', async () => {
  const { name, parts, options, role } = await siteOfLostRole();
  const uninterrupted = async () => {
    await inMaintenance((client) => client.query(`grant connect on database ${quote(name)} to ${role}`));
    throw new PotctlError('E_IO', 'struck by lightning');
  };

  await expect(restore({ ...parts, host: { uninterrupted } }, options)).rejects.toMatchObject({
    changed: 'scratch',
    changedDetail: expect.stringContaining(`the role "${role}" could not be removed`),
    fix: expect.arrayContaining([
      expect.stringMatching(new RegExp(`^To remove the leftovers: psql .*DROP ROLE.*${role}`)),
    ]),
  });

  expect([await exists(role), await databases(name)]).toEqual([1, [name]]);
  expect(await restore(parts, options)).toMatchObject({ state: 'done' });
  await dropAll(name);
});

test('a role that somebody else created after the plan is not dropped', async () => {
  const { parts, options, role } = await siteOfLostRole();
  const prepared = await (await testPotctl(parts).restore()).run({ id: 'latest', ...options });
  await inMaintenance((client) => client.query(`create role ${role}`));

  await expect(prepared.apply()).rejects.toMatchObject({ code: 'E_DB_QUERY', changed: 'nothing' });

  expect(await exists(role)).toBe(1);
});

async function dropAll(name: string): Promise<void> {
  for (const one of await databases(name)) {
    await inMaintenance((client) => client.query(`drop database ${quote(one)} with (force)`));
  }
}

/** A server whose connection is lost at a COMMIT: after it was executed, or before it arrived. */
function breakingAtCommit(server: Server, done: boolean): Server {
  const maintenanceSession = async (purpose: string): Promise<Session> => {
    const session = await server.maintenanceSession(purpose);
    const query: Session['query'] = async (sql, values) => {
      if (sql !== 'commit' || !purpose.startsWith('restore.swap')) return session.query(sql, values);
      if (done) await session.query(sql);
      await session.close();
      throw new PotctlError('E_DB_UNREACHABLE', 'the connection broke');
    };
    return { ...session, query };
  };
  return { ...server, maintenanceSession };
}

test('a connection lost after COMMIT succeeded counts as success, and the tree is swapped too', async () => {
  const { name, tree, parts } = await site();
  const server = breakingAtCommit(parts.server, true);

  expect(await restore({ ...parts, server })).toMatchObject({ state: 'done' });

  expect([await rows(name), (await describeTree(tree)).length]).toEqual([10, 3]);
});

test('a connection lost before COMMIT arrived changes nothing', async () => {
  const { name, tree, parts, changed } = await site();
  const server = breakingAtCommit(parts.server, false);

  const failed = restore({ ...parts, server });

  await expect(failed).rejects.toMatchObject({ code: 'E_DB_UNREACHABLE', changed: 'nothing' });
  expect([await rows(name), await describeTree(tree), await databases(name)]).toEqual([0, changed, [name]]);
});

test('undo refuses a previous database that does not allow connections', async () => {
  const { parts } = await site();
  const { oldDatabase } = await restore(parts, { only: 'db' });
  await inMaintenance((client) => client.query(`alter database ${quote(oldDatabase!)} allow_connections false`));

  await expect(undo(parts)).rejects.toMatchObject({ code: 'E_BLOCKED', changed: 'nothing' });
});

test('a killed run without its previous and staged files blocks nobody, and leads to a warning', async () => {
  const { name, tree, parts, repository } = await site();
  const { runId } = await restore(parts);
  for (const kept of [`.potctl-before-${runId}`, `.potctl-swap-${runId}.ndjson`]) {
    await rm(path.join(tree, kept), { recursive: true });
  }
  await writeRun(repository, { ...(await readRuns(repository))[0]!, state: 'running', step: 'swapping' });
  const warnings: string[] = [];
  const progress = (event: ProgressEvent) => void (event.kind === 'warning' && warnings.push(adviceText(event.text)));

  expect(await restore({ ...parts, host: { progress } })).toMatchObject({ state: 'done' });

  expect(warnings).toEqual([expect.stringContaining(`${runId} has swapped the database`)]);
  expect(await rows(name)).toBe(10);
});
