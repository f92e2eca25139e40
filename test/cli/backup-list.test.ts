import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Ran } from '../support/run-cli.js';
import { potctlHere as potctl } from '../support/run-main.js';
import { manifestText, sampleManifest } from '../unit/catalog-samples.js';

const PROD = '20261122T095106Z-7f3a9c';
const APP = '20261123T000000Z-7f3b01';
const DAMAGED = '20261127T000000Z-00aa05';

let top: string;
let folder: string;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-cli-list-'));
  folder = path.join(top, 'r');
  const host = await readHostIdentity(process.pid);
  const repository = await openRepository({ name: 'r', path: folder }, { clock: systemClock, host, operator: 'a@b' });
  await (await repository.draft(PROD)).publish(manifestText({}));
  const hostile = {
    id: APP,
    timestamp: '2026-11-23T00:00:00.000Z',
    set: '7301/app',
    note: 'red \u001b[31m alert\u0007',
  };
  await (await repository.draft(APP)).publish(
    manifestText({ ...hostile, status: 'degraded', degraded_reasons: ['why'] }),
  );
  await (await repository.draft(DAMAGED)).publish('{');
});
afterAll(() => rm(top, { recursive: true, force: true }));

/** There is no server, because these commands must not need one. */
const run = (...args: string[]): Promise<Ran> =>
  potctl(['backup', ...args, '--repository', folder], { env: { PGHOST: '/nonexistent', PGDATABASE: undefined } });

describe('backup list', () => {
  test('needs no server, marks damaged backups, and names the newest good one', async () => {
    const { exitCode, stdout, stderr } = await run('list', '-o', 'table');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ID +TAKEN +AGE +PARTS +SIZE +ROWS +STATUS +VERIFIED +WHERE\n/);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(['ID', DAMAGED, APP, PROD]);
    expect(stdout).toMatch(new RegExp(`${DAMAGED}.*damaged`));
    expect(stdout).toMatch(new RegExp(`${APP}.*db\\+files.*1\\.4 MiB.*30,000.*degraded`));
    expect(stderr).toContain(`backup '${DAMAGED}' is damaged`);
    expect(stderr).toContain(`Newest good backup: ${PROD}`);
  });

  test('--since and --until filter by time, in each of their forms', async () => {
    const ids = async (...flags: string[]): Promise<string[]> =>
      (await run('list', '-o', 'plain', '--columns', 'id', ...flags)).stdout.split('\n').filter((id) => id !== '');

    expect(await ids('--since', '2026-11-23')).toEqual([DAMAGED, APP]);
    expect(await ids('--since', '2026-11-22T09:52', '--until', '2026-11-24T02:00+02:00')).toEqual([APP]);
    expect(await ids('--until', '9000w')).toEqual([]);
    expect(await run('list', '--since', '2026-11-24', '--until', '2026-11-23')).toMatchObject({ exitCode: 2 });
    expect(await run('list', '--since', 'yesterday')).toMatchObject({ exitCode: 2 });
    expect(await run('list', '--since', '2026-13-45', '--fail-on-empty')).toMatchObject({ exitCode: 2 });
  });

  test('as JSON has integers, UTC times and every key', async () => {
    const { stdout } = await run('list', '--json');
    const { schema, ok, items, page } = JSON.parse(stdout);
    expect({ schema, ok, total: page.total }).toEqual({ schema: 'potctl/backup.list@1', ok: true, total: 3 });
    expect(items[2]).toMatchObject({
      id: PROD,
      created_at: '2026-11-22T09:51:06.120Z',
      bytes_total: 1520223,
      rows: 30000,
      verified: null,
      parts: { db: { name: 'app' }, files: { files: 304 } },
      destinations: [{ name: folder, url: folder }],
    });
    expect(items[0]).toMatchObject({ id: DAMAGED, status: 'damaged', problem: expect.stringContaining('not JSON') });
  });

  test('as plain and csv prints full ids and bytes, one backup per line', async () => {
    const plain = await run('list', '-o', 'plain', '--columns', 'id,size,status');
    expect(plain.stdout).toBe(`${DAMAGED}\t\tdamaged\n${APP}\t1520223\tdegraded\n${PROD}\t1520223\tcomplete\n`);
    const csv = await run('list', '-o', 'csv', '--columns', 'id,taken', '--status', 'complete');
    expect(csv.stdout).toBe(`id,taken\n${PROD},2026-11-22T09:51:06.120Z\n`);
  });

  test('lists only the series of the current database, and says how many others there are', async () => {
    const { stdout, stderr } = await run('list', '--database', 'app', '-o', 'plain', '--columns', 'id');
    expect(stdout).toBe(`${DAMAGED}\n${APP}\n`);
    expect(stderr).toMatch(/^1 more in other series: `.*potctl backup list --all-series.* --repository .*`$/m);
    const all = await run('list', '--database', 'app', '--all-series', '-o', 'plain', '--columns', 'id,series');
    expect(all.stdout).toBe(`${DAMAGED}\t\n${APP}\t7301/app\n${PROD}\tprofile:prod\n`);
  });

  test('makes control characters of a note visible', async () => {
    const { stdout } = await run('list', '--wide', '-o', 'table');
    expect(stdout).toContain('red ');
    expect(stdout).not.toMatch(/[\u001b\u0007]/);
  });

  test.each([
    ['a missing directory', 'missing', 'there is no repository'],
    ['a file', 'file', 'cannot be used as a repository'],
    ['an empty directory', 'empty', 'there is no repository'],
    ['a directory with other files', 'app', 'exists, but is not a potctl repository'],
    ['a restic repository', 'restic', 'restic'],
    ['a directory whose parent is missing', 'a/b/c', 'cannot be used as a repository'],
  ])('of %s is an error with exit 15, not an empty list', async (_, name, text) => {
    await writeFile(path.join(top, 'file'), '');
    for (const inner of ['empty', 'app/uploads']) await mkdir(path.join(top, inner), { recursive: true });
    for (const inner of ['config', 'data', 'keys']) await mkdir(path.join(top, 'restic', inner), { recursive: true });
    const { exitCode, stdout, stderr } = await potctl(['backup', 'list', '--repository', path.join(top, name)]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 15, stdout: '' });
    expect(stderr).toContain(text);
    expect(stderr).toContain('E_REPOSITORY_FORMAT');
    // Who looks for backups is not told to start a repository there.
    expect(stderr).not.toContain('backup create');
  });
});

describe('backup show', () => {
  test('finds a backup by a prefix of its random part and shows everything', async () => {
    const { exitCode, stdout } = await run('show', '7f3a');
    expect(exitCode).toBe(0);
    for (const text of [
      PROD,
      'profile:prod',
      'PostgreSQL 15.20',
      '18,420',
      'odd.we"ird.Tab le',
      'db/dump/toc.dat',
      '304 files',
    ]) {
      expect(stdout).toContain(text);
    }
  });

  test('prints the manifest as it is stored', async () => {
    const { stdout } = await run('show', PROD, '--manifest');
    expect(JSON.parse(stdout)).toEqual(sampleManifest({}));
  });

  test('latest skips a damaged backup, and says so', async () => {
    const { stdout, stderr } = await run('show');
    expect(stdout).toContain(PROD);
    expect(stderr).toContain(`'${DAMAGED}' is newer, but was skipped`);
    expect(stderr).toContain(`'${APP}' is newer, but was skipped: it is degraded: why`);
  });

  test.each([
    ['an unknown id', ['show', '99999999'], 10, 'E_BACKUP_NOT_FOUND'],
    ['an ambiguous prefix, with the candidates', ['show', '7f3'], 10, `${APP}, ${PROD}`],
    ['a damaged backup', ['show', DAMAGED], 20, 'E_MANIFEST'],
    ['an unknown series', ['show', 'latest', '--from-series', 'profile:x'], 10, '7301/app'],
  ])('refuses %s', async (_, args, exit, text) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: exit, stdout: '' });
    expect(stderr).toContain(text);
  });
});

test('a repository without read permission is exit 12', async (context) => {
  if (process.getuid?.() === 0) return context.skip('root may read everything');
  await chmod(folder, 0);
  const { exitCode } = await run('list');
  await chmod(folder, 0o700);
  expect(exitCode).toBe(12);
});
