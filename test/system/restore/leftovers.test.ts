import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { ProgressEvent } from '../../../src/kernel/progress.js';
import { type RunRecord, readRuns, writeRun } from '../../../src/runs/record.js';
import { adviceText } from '../../support/advice.js';
import { connect, freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { backUp, restore, testRepository } from '../../support/restoring.js';
import { type Ran, startPotctl } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { openTestServer } from '../../support/server.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

const shell = promisify(execFile);
const KILL = 'kill -9 $PPID; sleep 1';
const SCHEMA = 'create table t as select generate_series(1, 10) i';

const killedRun: RunRecord = {
  ...{ schema: 'potctl.restore', schema_version: '1.0', run_id: 'r1', trace_id: '', operator: 'ana@ops1' },
  ...{ hostname: os.hostname(), kind: 'restore', mode: 'new', set: 'x', backup: '20261122T095106Z-7f3a9c' },
  ...{ undoes: null, undone_by: null, state: 'running', step: 'staging', started_at: '2026-11-22T09:51:06.000Z' },
  ...{ finished_at: null, keep_old_ms: 1, undo_until: null, database: null, files: null, created_roles: [] },
  ...{ writers_stopped: false, restored: null, phases: [], downtime_ms: null, source_bytes: 0, written: null },
  error: null,
};

/** A database and its backup. */
async function site(schema = SCHEMA) {
  const database = await freshDatabase({ schema });
  const server = openTestServer(database.name);
  const repository = await testRepository();
  await backUp({ server, repository });
  return {
    ...database,
    server,
    repository,
    where: ['--repository', repository.url],
    env: { PGDATABASE: database.name },
  };
}

/** The same with a subscription to an unreachable publisher. */
async function subscribedSite() {
  const name = `sub_${Math.random().toString(36).slice(2, 10)}`;
  const subscribed = await site(
    `${SCHEMA}; create subscription ${name} connection 'host=nowhere' publication p with (connect = false, slot_name = 'live_slot')`,
  );
  onTestFinished(async () => {
    const { rows } = await inMaintenance((client) =>
      client.query('select datname from pg_subscription join pg_database d on d.oid = subdbid where subname = $1', [
        name,
      ]),
    );
    for (const { datname } of rows) {
      const client = await connect(datname);
      await client.query(`alter subscription ${name} disable; alter subscription ${name} set (slot_name = none)`);
      await client.query(`drop subscription ${name}`);
      await client.end();
    }
  });
  return { ...subscribed, subscription: name };
}

async function killedRestore(
  { name, where, env }: Awaited<ReturnType<typeof site>>,
  more: string[] = [],
): Promise<Ran> {
  const run = ['restore', 'run', 'latest', ...where, '--confirm', name, '--stop-writers', KILL, ...more];
  const killed = await startPotctl(run, { env }).ended;
  expect(killed.signal).toBe('SIGKILL');
  expect(await stagedOf(name)).toHaveLength(1);
  return killed;
}

async function stagedOf(name: string): Promise<string[]> {
  const sql = `select datname from pg_database where starts_with(datname, $1 || '_restore_')`;
  const { rows } = await inMaintenance((client) => client.query<{ datname: string }>(sql, [name]));
  return rows.map(({ datname }) => datname);
}

/** May read the database and create others, and owns nothing. */
async function nightlyRole(databases: readonly string[]): Promise<string> {
  const role = `nightly_${Math.random().toString(36).slice(2, 10)}`;
  await inMaintenance((client) => client.query(`create role ${role} login createdb in role pg_read_all_data`));
  onTestFinished(async () => {
    for (const database of databases) {
      const client = await connect(database).catch(() => null);
      await client?.query(`drop owned by ${role}`).catch(() => {});
      await client?.end();
    }
    await inMaintenance((client) => client.query(`drop role if exists ${role}`)).catch(() => {});
  });
  return role;
}

/** Runs the command after "to remove it:" in a shell. */
async function typeTheLine({ stderr }: Ran): Promise<void> {
  const line = /to remove it: (.+)$/m.exec(stderr)?.[1];
  expect(line, stderr).toBeDefined();
  await shell('sh', ['-c', line!]);
}

test('the next backup removes a killed restore of a database with a subscription, and leaves its slot alone', async () => {
  const made = await subscribedSite();
  const { name, where, env, subscription, repository } = made;
  await killedRestore(made, ['--accept', `subscription ${subscription}`]);

  const next = await potctl(['backup', 'create', ...where], { env });

  expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('rolled it back') });
  expect(await stagedOf(name)).toEqual([]);
  expect(await readRuns(repository)).toMatchObject([{ state: 'interrupted' }]);
  const live = await inMaintenance((client) =>
    client.query('select subslotname from pg_subscription where subname = $1', [subscription]),
  );
  expect(live.rows).toEqual([{ subslotname: 'live_slot' }]);
});

test('a restore killed before its subscription lost the slot is removed as well', async () => {
  const made = await subscribedSite();
  const { name, subscription, where, env } = made;
  await killedRestore(made, ['--accept', `subscription ${subscription}`]);
  const [staged] = await stagedOf(name);
  const inside = await connect(staged!);
  await inside.query(`alter subscription ${subscription} set (slot_name = 'live_slot')`);
  await inside.end();

  expect(await potctl(['backup', 'create', ...where], { env })).toMatchObject({ exitCode: 0 });

  expect(await stagedOf(name)).toEqual([]);
});

test('a subscription is restored disabled and without its slot, and a warning prints how to resume it', async () => {
  const { name, server, repository, subscription } = await subscribedSite();
  const warnings: string[] = [];
  const progress = (event: ProgressEvent) => void (event.kind === 'warning' && warnings.push(adviceText(event.text)));

  await restore({ server, repository, host: { progress } }, { accept: [`subscription ${subscription}`] });

  const { rows } = await inMaintenance((client) =>
    client.query(
      'select subenabled, subslotname from pg_subscription join pg_database d on d.oid = subdbid where datname = $1',
      [name],
    ),
  );
  expect(rows).toEqual([{ subenabled: false, subslotname: null }]);
  expect(warnings.join('\n')).toContain(`ALTER SUBSCRIPTION "${subscription}" SET (slot_name = 'live_slot');`);
});

test('the printed undo works after a restore with a subscription; the previous database is dropped, or the command for it is printed', async () => {
  const { name, where, env, subscription } = await subscribedSite();
  const run = async (...args: string[]) => potctl([...args, ...where, '--confirm', name], { env });
  const prune = async (id: string) => run('backup', 'prune', '--old-databases', '--run', id);
  const restoreIt = async () => {
    const restored = await run('restore', 'run', 'latest', '--accept', `subscription ${subscription}`);
    expect(restored, restored.stderr).toMatchObject({ exitCode: 0 });
    return /potctl restore undo (\S+)/.exec(`${restored.stdout}${restored.stderr}`)![1]!;
  };
  const undone = await run('restore', 'undo', await restoreIt());
  expect(undone, undone.stderr).toMatchObject({ exitCode: 0 });
  const [, detached] = /_before_(\w+)/.exec((await keptOf(name)).join())!;
  expect(await prune(detached!)).toMatchObject({ exitCode: 0 });
  expect(await keptOf(name)).toEqual([]);

  // Now the previous database has the slot: only a person may remove it.
  const stuck = await prune(await restoreIt());
  expect(stuck.exitCode).not.toBe(0);
  expect(await keptOf(name)).toHaveLength(1);
  const [, line] = /to drop it with its subscription: (.+)/.exec(`${stuck.stdout}${stuck.stderr}`)!;
  await shell('sh', ['-ec', line!]);
  expect(await keptOf(name)).toEqual([]);
});

async function keptOf(name: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1) and datname <> $2';
  const { rows } = await inMaintenance((client) => client.query(sql, [`${name}_before_`, name]));
  return rows.map(({ datname }) => datname);
}

test('leftovers of an administrator’s killed restore block no backup and no restore; the printed command removes them', async () => {
  const made = await site();
  const { name, where, env, repository } = made;
  await killedRestore(made);
  const other = await freshDatabase({ schema: SCHEMA });
  const role = await nightlyRole([name, other.name, 'postgres']);
  await inMaintenance((client) => client.query(`alter database ${quote(other.name)} owner to ${role}`));
  await other.query(`alter table t owner to ${role}; alter schema public owner to ${role}`);
  await other.client.end();

  const same = await potctl(['backup', 'create', ...where], { env: { ...env, PGUSER: role } });
  expect(same).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('must be owner of database') });
  const elsewhere = { PGDATABASE: other.name, PGUSER: role };
  expect(await potctl(['backup', 'create', ...where], { env: elsewhere })).toMatchObject({ exitCode: 0 });
  const run = ['restore', 'run', 'latest', ...where, '--confirm', other.name];
  expect(await potctl(run, { env: elsewhere })).toMatchObject({ exitCode: 0 });
  expect(await stagedOf(name)).toHaveLength(1);
  const looked = await potctl(['doctor', ...where], { env });
  expect(looked.stdout + looked.stderr).toContain(`the staging database "${(await stagedOf(name))[0]}"`);

  await typeTheLine(same);
  expect((await potctl(['doctor', ...where], { env })).stdout).toMatch(
    /1 previous database is kept for undo until \d{4}-\d\d-\d\d \d\d:\d\dZ/,
  );

  expect(await stagedOf(name)).toEqual([]);
  const last = await potctl(['backup', 'create', ...where], { env });
  expect(last).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('to remove it') });
  expect((await readRuns(repository))[0]).not.toHaveProperty('left_behind');
});

test('the command that removes a killed restore’s database also rolls back its prepared transaction', async () => {
  const made = await site();
  const { name, where, env } = made;
  await killedRestore(made);
  const [staged] = await stagedOf(name);
  const inside = await connect(staged!);
  await inside.query(`begin; insert into t values (1); prepare transaction '${name}'`);
  await inside.end();

  const next = await potctl(['backup', 'create', ...where], { env });
  expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('ROLLBACK PREPARED') });
  await typeTheLine(next);

  expect(await stagedOf(name)).toEqual([]);
});

test('a staging database that is closed to connections, a template, or in use is dropped anyway', async () => {
  const made = await site();
  const { name, where, env } = made;
  await killedRestore(made);
  expect((await potctl(['doctor', ...where], { env })).stdout).toMatch(
    /restores\s+WARN\s+the restore run \S+ was killed/,
  );
  const [staged] = await stagedOf(name);
  const reader = await connect(staged!);
  await reader.query('begin; select * from t');
  await inMaintenance((client) =>
    client.query(`alter database ${quote(staged!)} is_template true allow_connections false`),
  );

  expect(await potctl(['backup', 'create', ...where], { env })).toMatchObject({ exitCode: 0 });

  expect(await stagedOf(name)).toEqual([]);
});

/** An ordinary user: owns nothing, may read what others may read, and cannot connect to the server. */
const STRANGER = 65_534;

/** A repository of that user, who backs up a world-readable tree. */
/** Only root can be two users. */
const asRoot = test.skipIf(process.geteuid?.() !== 0);

async function strangersSite() {
  const { repository } = await site();
  const place = repository.url.replace('file://', '');
  const tree = await makeTree({ 'a.txt': 'a' });
  const TMPDIR = await temporaryFolder();
  await chmod(TMPDIR, 0o777);
  await chmod(tree, 0o755);
  await chmod(path.dirname(place), 0o755);
  const hand = () => shell('chown', ['-R', String(STRANGER), place]);
  await hand();
  const create = () =>
    potctl(['backup', 'create', '--only', 'files', '--files', tree, '--repository', place], {
      env: { TMPDIR },
      user: STRANGER,
    });
  return { repository, place, hand, create };
}

asRoot(
  'staged files of a killed restore that this user cannot remove are reported with a command, and block no backup (needs root, to be two users)',
  async () => {
    const { repository, hand, create } = await strangersSite();
    const root = await makeTree({ 'a.txt': 'a' });
    const stagedAt = `${root}.potctl-restore-r1`;
    await mkdir(stagedAt);
    await writeFile(path.join(stagedAt, 'b.txt'), 'b');
    await writeRun(repository, { ...killedRun, files: { root, existed: false, staged_at: stagedAt } });
    await hand();

    const next = await create();

    expect(next).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`rm -r -- ${stagedAt}`) });
    expect(await readdir(stagedAt)).toEqual(['b.txt']);
    await typeTheLine(next);
    expect(await create()).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('rm -r') });
  },
);

asRoot(
  'unreadable records of another user lead to a warning and do not stop backups (needs root, to be two users)',
  async () => {
    const { place, create } = await strangersSite();
    await mkdir(path.join(place, 'restores'), { mode: 0o700 });
    await writeFile(path.join(place, 'restores', 'r1.json'), '{}', { mode: 0o600 });

    expect(await create()).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('may not read it') });
    await chmod(path.join(place, 'restores'), 0o755);
    expect(await create()).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('"restores/r1.json"') });
  },
);
