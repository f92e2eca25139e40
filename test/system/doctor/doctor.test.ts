import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Settings } from '../../../src/config/settings.js';
import { Secret } from '../../../src/kernel/secret.js';
import { adviceText } from '../../support/advice.js';
import { freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';
import { doctor, plainRole, states } from './doctor-scene.js';

describe('without problems', () => {
  test('every line is OK (except zstd if it is not installed), and the repository is not changed', async () => {
    const database = await freshDatabase({ schema: '3dpot' });
    const repository = await temporaryFolder();
    const tree = await makeTree({ a: 'x', below: { b: 'y'.repeat(5_000) } });
    const results = await doctor(database.name, {
      settings: {
        repositories: [{ name: 'local', path: repository }],
        files: { path: tree, engine: 'archive', excludes: [] },
      },
    });
    const { zstd, ...others } = states(results);
    expect([...new Set(Object.values(others))]).toEqual(['OK']);
    expect(['OK', 'WARN']).toContain(zstd);
    expect(results['connection']?.detail).toContain(`/${database.name}, PostgreSQL `);
    expect(results['tools']?.detail).toContain('pg_dump');
    expect(results['files']?.detail).toContain('2 files');
    expect(readdirSync(repository)).toEqual([]);
  });
});

test('a single item is reported in the singular', async () => {
  const database = await freshDatabase({ schema: 'create table t (i int)' });
  const results = await doctor(database.name);
  expect(results['backup rights']?.detail).toMatch(/can read all of 1 table or sequence$/);
  expect(results['locks']?.detail).toMatch(/^1 table or partition, room for \d[\d,]* locks$/);
});

describe('a server', () => {
  test('that is down is FAIL with the next step; checks that need it are UNKNOWN, the others run', async () => {
    const results = await doctor('app', { connection: { host: '/nowhere' } });
    expect(states(results)).toMatchObject({
      connection: 'FAIL',
      tools: 'UNKNOWN',
      clock: 'UNKNOWN',
      files: 'OK',
      tar: 'OK',
    });
    expect(adviceText(results['connection']!.fix!)).toContain('pg_isready');
    expect(results['free space']?.state).toBe('UNKNOWN');
  });

  test('without that database is FAIL', async () => {
    const results = await doctor('no_such_database');
    expect(results['connection']).toMatchObject({ state: 'FAIL', fix: expect.stringContaining('-l') });
  });

  test('that refuses the role is FAIL', async () => {
    const results = await doctor('postgres', {
      connection: { user: 'nobody_knows', password: new Secret('wrong'), passwordSource: '/x/pass line 3' },
    });
    expect(results['connection']).toMatchObject({
      state: 'FAIL',
      detail: expect.stringContaining('nobody_knows'),
      fix: expect.stringContaining('/x/pass line 3'),
    });
  });

  test('that is not the expected one is FAIL, and the expected one is OK', async () => {
    const { name, query } = await freshDatabase();
    const [row] = await query<{ id: string }>('select system_identifier::text as id from pg_control_system()');
    const expecting = (systemIdentifier: string) => doctor(name, { settings: { expect: { systemIdentifier } } });
    expect((await expecting('1'))['expected server']).toMatchObject({
      state: 'FAIL',
      detail: expect.stringContaining(row!.id),
    });
    expect((await expecting(row!.id))['expected server']?.state).toBe('OK');
    const profile = { name: 'prod', environment: 'production', onCommandLine: true } as const;
    const production = (await doctor(name, { settings: { profile } }))['expected server'];
    expect(production).toMatchObject({ state: 'WARN', fix: expect.stringContaining(`"${row!.id}"`) });
  });

  test('whose clock differs is WARN, or FAIL if it differs by much', async () => {
    const off = async (clockOffMs: number) => (await doctor('postgres', { clockOffMs }))['clock'];
    expect(await off(0)).toMatchObject({ state: 'OK' });
    expect(await off(5_000)).toMatchObject({ state: 'WARN', detail: expect.stringMatching(/[45]\.\d s ahead/) });
    expect(await off(-60_000)).toMatchObject({ state: 'FAIL', detail: expect.stringContaining('behind') });
  });
});

describe('tools', () => {
  test('a missing pg_dump is FAIL, with the package to install', async () => {
    const results = await doctor('postgres', { toolDirectories: [await temporaryFolder()] });
    expect(results['tools']).toMatchObject({
      state: 'FAIL',
      fix: expect.stringMatching(/apt install postgresql-client-\d+/),
    });
  });

  test('a pg_dump older than the server is FAIL', async () => {
    const folder = await temporaryFolder();
    writeFileSync(path.join(folder, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.24"\n', { mode: 0o755 });
    const results = await doctor('postgres', { toolDirectories: [folder] });
    expect(results['tools']).toMatchObject({ state: 'FAIL', detail: expect.stringContaining('9.6.24') });
  });

  test('a missing tar is FAIL if there are files to back up, else WARN', async () => {
    const tree = await makeTree({ a: 'x' });
    const files = { path: tree, engine: 'archive', excludes: [] } as const;
    const nothing = await temporaryFolder();
    expect((await doctor('postgres', { path: nothing, settings: { files } }))['tar']?.state).toBe('FAIL');
    expect(states(await doctor('postgres', { path: nothing }))).toMatchObject({
      ...{ tar: 'WARN', age: 'OK' },
      zstd: 'createZstdCompress' in zlib ? 'OK' : 'WARN',
    });
  });
});

describe('rights', () => {
  test('a table that the role cannot read is FAIL and counted, with the grant that fixes it', async () => {
    const database = await freshDatabase({ schema: 'create table seen (i int); create table "Hid den" (i serial);' });
    const role = await plainRole(database);
    await database.query(`grant select on seen to ${quote(role)}`);
    const look = () => doctor(database.name, { connection: { user: role } });
    const found = (await look())['backup rights'];
    expect(found).toMatchObject({ state: 'FAIL', detail: expect.stringMatching(/2 of 3 .*"Hid den"/) });
    await database.query(adviceText(found!.fix!).split(' Or ')[0]!);
    expect((await look())['backup rights']).toMatchObject({ state: 'OK' });
  });

  test('row level security that hides rows from the role is FAIL', async () => {
    const database = await freshDatabase({
      schema: 'create table t (i int); alter table t enable row level security;',
    });
    const role = await plainRole(database);
    await database.query(`grant select on t to ${quote(role)}`);
    const results = await doctor(database.name, { connection: { user: role } });
    expect(results['backup rights']?.state).toBe('FAIL');
    expect(adviceText(results['backup rights']!.fix!)).toContain('grants sql --role backup');
  });

  test('rights that a restore lacks are named, and OK once they are granted', async () => {
    const database = await freshDatabase();
    const role = await plainRole(database);
    const look = async () => (await doctor(database.name, { connection: { user: role } }))['restore rights'];
    expect(await look()).toMatchObject({
      state: 'WARN',
      detail: expect.stringContaining('CREATEDB, ownership of the database'),
    });
    await inMaintenance(async (client) => {
      await client.query(`alter role ${quote(role)} createdb`);
      await client.query(`alter database ${quote(database.name)} owner to ${quote(role)}`);
    });
    expect(await look()).toMatchObject({ state: 'OK' });
    await inMaintenance((client) => client.query(`alter database ${quote(database.name)} owner to postgres`));
  });
});

describe('places', () => {
  const at = (repository: string, more: Partial<Settings> = {}) =>
    doctor('postgres', { settings: { repositories: [{ name: 'local', path: repository }], ...more } });

  test('a repository that is a file or has no parent is FAIL; one that does not exist yet is WARN and is not created', async () => {
    const folder = await makeTree({ file: 'x' });
    expect((await at(path.join(folder, 'file')))['repository']?.state).toBe('FAIL');
    expect((await at(path.join(folder, 'no/such/parent')))['repository']?.state).toBe('FAIL');
    const absent = path.join(folder, 'absent');
    expect((await at(absent))['repository']).toMatchObject({ state: 'WARN', fix: expect.stringContaining('mkdir') });
    expect(existsSync(absent)).toBe(false);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  test('a missing repository, and a second one that is not used, are reported', async () => {
    const none = await doctor('postgres', { settings: { repositories: [] } });
    expect(none['repository']?.state).toBe('UNKNOWN');
    const s3 = { bucket: 'b', prefix: '', endpoint: null, region: null, pathStyle: false };
    const two = [
      { name: 'local', path: await temporaryFolder() },
      { name: 'offsite', s3 },
    ] as const;
    const results = await doctor('postgres', { settings: { repositories: two } });
    expect(results['repository offsite']).toMatchObject({ state: 'WARN', detail: expect.stringContaining('not used') });
  });

  test('files that are missing, empty or not a directory are never OK', async () => {
    const folder = await makeTree({ file: 'x', empty: {} });
    const look = async (name: string) =>
      (
        await at(await temporaryFolder(), { files: { path: path.join(folder, name), engine: 'archive', excludes: [] } })
      )['files'];
    expect(await look('missing')).toMatchObject({ state: 'FAIL' });
    expect(await look('file')).toMatchObject({ state: 'FAIL' });
    expect(await look('empty')).toMatchObject({ state: 'WARN', detail: expect.stringContaining('empty') });
  });

  test('a configuration that others can read, PGPASSWORD and an ignored .pgpass are WARN', async () => {
    const configFile = { path: '/c.yaml', mode: 0o644 };
    const notes = ['/h/.pgpass is ignored: its mode is 0644, others may read it; chmod 0600 /h/.pgpass'];
    const first = await doctor('postgres', {
      settings: { configFile },
      connection: { password: new Secret('pw'), passwordSource: 'env PGPASSWORD' },
    });
    expect(first['configuration mode']).toMatchObject({ state: 'WARN', fix: 'chmod 0600 /c.yaml' });
    expect(first['password']).toMatchObject({ state: 'WARN', fix: expect.stringContaining('.pgpass') });
    const second = await doctor('postgres', { connection: { passwordNotes: notes } });
    expect(second['password']).toMatchObject({ state: 'WARN', fix: 'chmod 0600 /h/.pgpass' });
  });
});
