import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Repository } from '../../../src/repository/repository.js';
import { request } from '../../contract/repository.js';
import { openedAt, publishOld } from '../../support/old-backups.js';
import { potctl, type Ran, type Running, startPotctl } from '../../support/run-cli.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const ENV = { env: { PGHOST: '/nonexistent', PGDATABASE: 'app' } };

let folder: string;
let backups: string;
let repository: Repository;
beforeEach(async () => {
  folder = path.join(await temporaryFolder(), 'r');
  backups = path.join(folder, 'backups');
  repository = await openedAt(folder);
});

const argsOf = (...flags: string[]): string[] => [
  ...['backup', 'prune', '--repository', folder, '--from-series', 'profile:prod'],
  ...flags,
];
const prune = (...flags: string[]): Promise<Ran> => potctl(argsOf(...flags), ENV);
const start = (...flags: string[]): Running => startPotctl(argsOf(...flags), ENV);
const left = async (): Promise<string[]> => (await readdir(backups)).sort();
const errorOf = ({ stderr }: Ran) => JSON.parse(stderr.trimEnd().split('\n').at(-1)!).error;

/** Backups with so many files each that to remove one takes a while. */
async function publishBig(count: number, files: number): Promise<string[]> {
  const ids = await publishOld(
    repository,
    Array.from({ length: count }, (_, at) => at + 1),
  );
  for (const id of ids) {
    await mkdir(path.join(backups, id, 'db'));
    for (let at = 0; at < files; at += 1) await writeFile(path.join(backups, id, 'db', `${at}.dat`), 'rows');
  }
  return ids;
}

async function until(holds: () => Promise<boolean>, running: Running): Promise<void> {
  while (running.child.exitCode === null && !(await holds())) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('a prune that is killed', () => {
  test('leaves each backup complete or unlisted at any moment, and the next run finishes the work', async () => {
    const ids = await publishBig(26, 60);
    await writeFile(path.join(backups, 'README'), 'mine');
    const whole = await describeTree(path.join(backups, ids[0]!));
    const flags = ['--keep-last', '2', '--confirm', 'prod'];
    let killed = 0;
    for (const gone of [0, 1, 4, 9, 15, 21]) {
      const running = start(...flags);
      await until(async () => (await repository.list()).length <= ids.length - gone, running);
      if (running.child.kill('SIGKILL')) killed += 1;
      await running.ended;
      const listed = await repository.list();
      expect(listed).toEqual(expect.arrayContaining(ids.slice(0, 2)));
      for (const id of listed) {
        expect((await readdir(path.join(backups, id, 'db'))).length).toBe(60);
        expect(JSON.parse(await repository.readText(id, 'manifest.json')).id).toBe(id);
      }
    }
    expect(killed).toBeGreaterThan(3);

    // What the last kill had hidden, and not begun to erase, comes back with the lock, behind the plan: the one after that decides on it.
    for (const _ of 'ab') expect((await prune(...flags)).exitCode).toBe(0);
    expect(await left()).toEqual([...ids.slice(0, 2), 'README'].sort());
    expect(await describeTree(path.join(backups, ids[0]!))).toEqual(whole);
    expect((await readdir(folder)).sort()).toEqual([
      'backups',
      'histories',
      'potctl-repository.json',
      'potctl.reserve',
    ]);
  });

  test('by Ctrl-C reports how many backups were removed, and leaves no lock', async () => {
    const ids = await publishBig(60, 10);
    const running = start('--keep-last', '1', '--confirm', 'prod', '--json');
    await until(async () => (await repository.list()).length < ids.length, running);
    running.child.kill('SIGINT');
    const ended = await running.ended;
    const there = (await repository.list()).length;
    expect(ended.exitCode).toBe(130);
    expect(there).toBeGreaterThan(1);
    expect(errorOf(ended)).toMatchObject({
      code: 'E_INTERRUPTED',
      changed: 'partial',
      changed_detail: expect.stringMatching(`${ids.length - there} of ${ids.length - 1} backups (was|were) removed`),
    });
    expect(await readdir(folder)).not.toContain('potctl.lock');
  });
});

describe('a prune at the same time as other commands', () => {
  test('twice: each backup is removed once, and both succeed', async () => {
    const ids = await publishBig(8, 20);
    const flags = ['--keep-last', '3', '--max-remove', '9', '--confirm', 'prod', '--wait', '30s', '--json'];
    const both = await Promise.all([prune(...flags), prune(...flags)]);
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const removed = both.flatMap(({ stdout }) => JSON.parse(stdout).result.remove.map(({ id }: { id: string }) => id));
    expect(removed.sort()).toEqual(ids.slice(3).sort());
    expect(await left()).toEqual(ids.slice(0, 3).sort());
  });

  test('waits for a running backup or is refused, and then decides by the state afterwards', async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    const lease = await repository.lock(request());
    const refused = await prune('--keep-last', '2', '--json');
    expect(refused.exitCode).toBe(11);
    expect(errorOf(refused)).toMatchObject({ code: 'E_LOCKED', changed: 'nothing' });

    const waiting = start('--keep-last', '2', '--wait', '30s');
    await waiting.printed('Waiting for the lock');
    await repository.appendEvent(ids[2]!, {
      ...{ at: new Date().toISOString(), by: 'ana@ops1' },
      ...{ type: 'pin', reason: 'court', until: null },
    });
    await lease.release();
    expect(await waiting.ended).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await left()).toEqual([...ids].sort());
  });

  test('keeps the backup that a waiting restore needs', async () => {
    const tree = await makeTree({ 'a.txt': 'alpha' });
    const where = ['--repository', folder, '--files', tree];
    const create = (): Promise<Ran> => potctl(['backup', 'create', '--only', 'files', ...where], ENV);
    const wanted = (await create()).stdout.trim();
    const others = [(await create()).stdout.trim(), (await create()).stdout.trim()];
    const lease = await repository.lock(request());
    const restoring = startPotctl(
      ['restore', 'run', wanted, '--only', 'files', ...where, '--wait', '60s', '--confirm', path.basename(tree)],
      ENV,
    );
    await restoring.printed('Waiting for the lock');
    expect([...(await repository.held())]).toEqual([[wanted, expect.stringMatching(/^restore run by /)]]);
    await expect(repository.remove(wanted, 'retention')).rejects.toMatchObject({ code: 'E_LOCKED' });
    const table = await potctl(['backup', 'prune', ...where, '--keep-last', '1', '--dry-run'], ENV);
    expect(table.stdout).toBe(`${others[0]}\n`);
    await lease.release();
    expect((await restoring.ended).exitCode).toBe(0);
    expect((await repository.held()).size).toBe(0);
  });

  test('loses nothing while backups are created and verified all the time', async () => {
    const tree = await makeTree({ 'a.txt': 'alpha' });
    const where = ['--repository', folder, '--files', tree];
    const create = (): Promise<Ran> =>
      potctl(['backup', 'create', '--only', 'files', ...where, '--wait', '60s', '--prune', '--keep-last', '2'], ENV);
    expect((await create()).exitCode).toBe(0);
    const verify = (): Promise<Ran> => potctl(['backup', 'verify', 'latest', ...where], ENV);
    const clean = (): Promise<Ran> =>
      potctl(['backup', 'prune', ...where, '--keep-last', '2', '--wait', '60s', '--all-series'], ENV);
    const ran = await Promise.all([create(), clean(), verify(), create(), clean(), verify(), create()]);
    for (const { exitCode, stderr } of ran)
      expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect((await repository.list()).length).toBe(2);
    expect((await verify()).exitCode).toBe(0);
    expect((await readdir(folder)).sort()).toEqual([
      'backups',
      'histories',
      'potctl-repository.json',
      'potctl.reserve',
    ]);
  });
});

test.skipIf(!isRoot)('works on a completely full disk (needs root, to mount one)', async () => {
  const disk = path.dirname(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', disk]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]));
  const ids = await publishOld(repository, [1, 2, 3]);
  await writeFile(path.join(backups, ids[2]!, 'files.tar'), Buffer.alloc(1024 * 1024));
  await (await repository.lock(request())).release();
  expect(spawnSync('dd', ['if=/dev/zero', `of=${disk}/other`, 'bs=4096'], { stdio: 'ignore' }).status).toBe(1);
  await expect(writeFile(path.join(folder, 'byte'), 'x')).rejects.toMatchObject({ code: 'ENOSPC' });

  expect(await prune('--keep-last', '2')).toMatchObject({ exitCode: 0, stdout: `${ids[2]}\n` });

  expect(await left()).toEqual(ids.slice(0, 2).sort());
  expect(await repository.freeBytes()).toBeGreaterThan(1024 * 1024);
  expect((await prune('--keep-last', '2')).exitCode).toBe(0);
});

test.skipIf(!isRoot)('in a read-only repository it shows its plan and removes nothing (needs root)', async () => {
  const ids = await publishOld(repository, [1, 2, 3]);
  for (const place of [path.dirname(folder), folder, backups, ...ids.map((id) => path.join(backups, id))])
    await chmod(place, 0o755);
  const asNobody = (...flags: string[]): Promise<Ran> => potctl(argsOf(...flags), { ...ENV, user: NOBODY });
  expect(errorOf(await asNobody('--keep-last', '2', '--json'))).toMatchObject({ code: 'E_FILES_DENIED', exit: 12 });
  for (const id of ids) {
    for (const name of ['manifest.json', 'manifest.json.sha256']) await chmod(path.join(backups, id, name), 0o444);
  }
  expect(await asNobody('--keep-last', '2', '--dry-run')).toMatchObject({ exitCode: 0, stdout: `${ids[2]}\n` });
  const refused = await asNobody('--keep-last', '2', '--json');
  expect(refused.exitCode).toBe(12);
  expect(errorOf(refused)).toMatchObject({ code: 'E_FILES_DENIED', changed: 'nothing' });
  expect(await left()).toEqual([...ids].sort());
});

test.skipIf(!isRoot)(
  'backups that cannot be removed are named, the others are removed, and the exit code is partial (needs root)',
  async () => {
    const ids = await publishOld(repository, [1, 2, 3, 4]);
    for (const place of [path.dirname(folder), folder, backups]) {
      await chmod(place, 0o755);
      if (place !== path.dirname(folder)) await chown(place, NOBODY, NOBODY);
    }
    for (const id of [ids[0]!, ids[1]!, ids[3]!]) {
      await chown(path.join(backups, id), NOBODY, NOBODY);
      for (const name of await readdir(path.join(backups, id)))
        await chown(path.join(backups, id, name), NOBODY, NOBODY);
    }
    await chmod(path.join(backups, ids[2]!), 0o755);
    for (const name of await readdir(path.join(backups, ids[2]!)))
      await chmod(path.join(backups, ids[2]!, name), 0o444);
    const ran = await potctl(argsOf('--keep-last', '2', '--json'), { ...ENV, user: NOBODY });
    expect(ran.exitCode).toBe(3);
    expect(JSON.parse(ran.stdout).result).toMatchObject({
      failed: 1,
      remove: [{ id: ids[3] }],
      refused: [{ id: ids[2], reasons: ['no rule keeps it', expect.stringContaining('cannot')] }],
    });
    expect(await left()).toEqual(ids.slice(0, 3).sort());
    expect(await readFile(path.join(backups, ids[2]!, 'manifest.json'), 'utf8')).toContain(ids[2]);
  },
);

test.skipIf(!isRoot)(
  'remains of a removed backup that cannot be deleted block nobody and are named until they are gone (needs root)',
  async () => {
    const ids = await publishOld(repository, [1, 2, 3]);
    const stuck = path.join(backups, '20200101T000000Z-000001.tombstone');
    await mkdir(path.join(stuck, 'mounted'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path.join(stuck, 'mounted')]);
    const unmount = (): void => void spawnSync('umount', [path.join(stuck, 'mounted')], { stdio: 'ignore' });
    onTestFinished(unmount);
    const ran = await prune('--keep-last', '2');
    expect({ exitCode: ran.exitCode, stdout: ran.stdout }).toEqual({ exitCode: 0, stdout: `${ids[2]}\n` });
    expect(ran.stderr).toContain(`Cannot remove '${stuck}'`);
    unmount();
    await (await repository.lock(request())).release();
    expect(await left()).toEqual(ids.slice(0, 2).sort());
  },
);
