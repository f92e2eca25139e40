import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { startCluster } from '../../../src/demo/cluster/cluster.js';
import { serverUser } from '../../../src/demo/cluster/system-user.js';
import { backUp, plan, restore, type Target, testRepository, withTree } from '../../support/restoring.js';
import { openTestServer } from '../../support/server.js';
import { atPhase, canMount, smallDisk, unfinished } from '../../support/small-disk.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';
import { restoreTables } from './single-tables.js';

const SCHEMA = 'create table t as select i, repeat(md5(i::text), 9) as body from generate_series(1, 6000) i';
const SETTINGS = { fsync: 'off', full_page_writes: 'off', autovacuum: 'off', checkpoint_timeout: '1h' };

type Query = (database: string, sql: string) => Promise<Record<string, unknown>[]>;
const queries =
  (at: { readonly host: string; readonly port: number }): Query =>
  async (database, sql) => {
    const client = new pg.Client({ ...at, user: 'postgres', database });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };

/** The small disk holds the tablespace of the database, and nothing else of the suite's server. */
async function onTablespace() {
  const { disk, ...small } = await smallDisk();
  fs.chmodSync(disk, 0o755);
  const folder = path.join(disk, 'space');
  fs.mkdirSync(folder);
  const owner = await serverUser();
  if (owner) fs.chownSync(folder, owner.uid, owner.gid);
  const at = inject('postgres');
  const [query, name] = [queries(at), `full_${path.basename(disk).slice(-6).toLowerCase()}`];
  onTestFinished(() => dropAll(query, name));
  await query('postgres', `create tablespace "${name}" location '${folder}'`);
  return changedSite({ ...small, query, name, at, options: `tablespace "${name}"` });
}

async function dropAll(query: Query, name: string): Promise<void> {
  const found = await query('postgres', `select datname from pg_database where starts_with(datname, '${name}')`);
  for (const { datname } of found) await query('postgres', `drop database "${datname}" with (force)`);
  await query('postgres', `drop tablespace if exists "${name}"`);
}

/** The small disk holds a whole cluster: data, log and all. */
async function onCluster() {
  const { disk, ...small } = await smallDisk(256);
  fs.chmodSync(disk, 0o755);
  const environment = { PATH: process.env['PATH'] ?? '' };
  const { binaries } = inject('postgres');
  const cluster = await startCluster({ directory: disk, binaries, environment, settings: SETTINGS });
  const { dataDirectory, runsAs } = cluster;
  const control = (...args: string[]) =>
    execFileSync(path.join(cluster.binaries, 'pg_ctl'), ['-D', dataDirectory, '-w', ...args], {
      ...(runsAs && { uid: runsAs.uid, gid: runsAs.gid }),
      ...{ env: environment, cwd: '/', stdio: 'ignore' as const },
    });
  onTestFinished(() => cluster.stop());
  const restart = async (): Promise<void> => {
    await cluster.stop();
    fs.rmSync(path.join(dataDirectory, 'postmaster.pid'), { force: true });
    onTestFinished(() => void control('-m', 'immediate', 'stop'));
    control('-l', path.join(disk, 'socket', 'log'), 'start');
  };
  const site = await changedSite({ ...small, query: queries(cluster), name: 'app', at: cluster, options: '' });
  return { ...site, restart };
}

interface Grounds {
  readonly query: Query;
  readonly name: string;
  readonly at: { readonly host: string; readonly port: number };
  /** Of CREATE DATABASE. */
  readonly options: string;
  fill(): void;
  empty(): void;
}

/** A database and a tree with a backup, both changed since. */
async function changedSite(grounds: Grounds) {
  const { query, name, at, options } = grounds;
  await query('postgres', `create database "${name}" ${options}`);
  await query(name, SCHEMA);
  const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(await temporaryFolder(), 'storage'));
  const repository = await testRepository();
  const server = openTestServer(name, {}, { host: at.host, port: at.port });
  const parts = { server, repository, ...withTree(tree) };
  await backUp(parts);
  await query(name, 'delete from t where i > 1; checkpoint');
  fs.writeFileSync(path.join(tree, 'a.txt'), 'changed');
  return { ...grounds, tree, repository, parts };
}

type Site = Awaited<ReturnType<typeof changedSite>>;

/** All that a failed restore could have changed or left. */
async function look({ query, name, tree, repository }: Site) {
  const sql = `select datname from pg_database where starts_with(datname, '${name}') order by 1`;
  const schemas = await query(name, `select nspname from pg_namespace where nspname !~ '^pg_' order by 1`);
  const left = [...unfinished(repository.url), ...unfinished(tree)];
  const databases = await query('postgres', sql);
  return { databases, schemas, left, rows: await rows({ query, name }), files: await describeTree(tree) };
}

async function rows({ query, name }: Pick<Site, 'query' | 'name'>, table = 't'): Promise<unknown> {
  return (await query(name, `select count(*)::int as n from ${table}`))[0]!['n'];
}

const restoreAll = (parts: Target) => restore(parts);
const bringTable = (parts: Target) => restoreTables(parts, 't', 'found');

/** The disk fills up when that phase begins. */
const failing = ({ parts, fill }: Site, phase: string): Target => ({
  ...parts,
  host: { progress: atPhase(phase, 1, fill) },
});

const SERVER_FULL = {
  code: 'E_NO_SPACE',
  message: expect.stringMatching(/the disk of the server.* is full/),
  fix: [expect.stringContaining('on the server')],
};

describe.skipIf(!canMount)("the server's disk that runs full (needs root, to mount a small one)", () => {
  test.each(['create database', 'pg_restore'])(
    'under a tablespace, while a restore is at %s: nothing is left, all is as it was, and a repetition succeeds',
    async (phase) => {
      const site = await onTablespace();
      const before = await look(site);

      await expect(restoreAll(failing(site, phase))).rejects.toMatchObject({
        ...SERVER_FULL,
        changed: 'nothing',
      });

      expect(await look(site)).toEqual(before);
      site.empty();
      expect(await restoreAll(site.parts)).toMatchObject({ state: 'done' });
      expect(await rows(site)).toBe(6000);
      expect(fs.readFileSync(path.join(site.tree, 'a.txt'), 'utf8')).toBe('alpha');
    },
  );

  test('under a tablespace is seen by the plan, however much room the data directory has', async () => {
    const site = await onTablespace();
    expect((await plan(site.parts, { only: 'db' })).database?.freeBytes).toBeLessThan(64 * 2 ** 20);

    site.fill();

    const { blocking, database } = await plan(site.parts, { only: 'db' });
    expect(database?.freeBytes).toBe(0);
    expect(blocking).toMatchObject([{ code: 'E_NO_SPACE' }]);
  });

  test('under a tablespace, while single tables are carried over: the same', async () => {
    const site = await onTablespace();
    const before = await look(site);

    const failed = bringTable(failing(site, 'carry over'));

    await expect(failed).rejects.toMatchObject({ ...SERVER_FULL, changed: 'nothing' });
    expect(await look(site)).toEqual(before);
    site.empty();
    expect(await bringTable(site.parts)).toMatchObject({ state: 'done' });
    expect([await rows(site, 'found.t'), await rows(site)]).toEqual([6000, 1]);
  });

  test.each([
    ['restore', 'pg_restore', restoreAll, 't'],
    ['restore of single tables', 'carry over', bringTable, 'found.t'],
  ] as const)(
    'under the whole cluster, during a %s, may end the server: what is live stays, and the next run takes away what was left',
    async (_, phase, run, table) => {
      const site = await onCluster();
      const before = await look(site);

      const error = await run(failing(site, phase)).catch((reason: unknown) => reason);

      expect(error).toMatchObject(SERVER_FULL);
      site.empty();
      await site.restart();
      const { rows: live, files, schemas } = await look(site);
      expect({ live, files }).toEqual({ live: before.rows, files: before.files });
      expect(schemas).toEqual(before.schemas);
      expect(await run(site.parts)).toMatchObject({ state: 'done' });
      expect(await rows(site, table)).toBe(6000);
      const { databases, left } = await look(site);
      expect([databases.filter(({ datname }) => String(datname).includes('_restore_')), left]).toEqual([[], []]);
    },
  );
});
