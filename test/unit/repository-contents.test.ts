import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import { draftWithFiles, published, request } from '../contract/repository.js';

const ID = '20261122T095106Z-7f3a9c';
let top: string;
let folder: string;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-contents-'));
});
beforeEach(() => {
  count += 1;
  folder = path.join(top, `r${count}`);
});
afterAll(() => rm(top, { recursive: true, force: true }));

async function opened(at = folder): Promise<Repository> {
  const host = await readHostIdentity(process.pid);
  return openRepository({ name: 'local', path: at }, { clock: systemClock, host, operator: 'ana@ops1' });
}

const names = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name !== 'potctl.reserve').sort();

describe('the content of a backup', () => {
  test('is only regular files: a link among the artifacts is corruption and never followed', async () => {
    const repository = await opened();
    await published(repository, ID);
    const inside = path.join(folder, 'backups', ID);
    await symlink('/etc', path.join(inside, 'db', 'etc'));
    await symlink('/etc/hostname', path.join(inside, 'hostname'));
    await expect(repository.artifacts(ID)).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
    await expect(repository.readText(ID, 'hostname')).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
    await expect(repository.readText(ID, 'db/etc/hostname')).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  });

  test('never includes a link or a pipe: publishing refuses it and leaves nothing', async () => {
    const repository = await opened();
    const draft = await draftWithFiles(repository, ID);
    await symlink('/etc/hostname', path.join(draft.folder, 'odd'));
    await expect(draft.publish('{}\n')).rejects.toMatchObject({ code: 'E_IO' });
    expect(await readdir(path.join(folder, 'backups'))).toEqual([]);
  });

  test.each(['../escape', '/etc/hostname', 'a/../../b', '.hidden', 'a\nb', ''])(
    'is not read by the name %j',
    async (file) => {
      const repository = await opened();
      await published(repository, ID);
      await expect(repository.readText(ID, file)).rejects.toThrow(/not the name/);
    },
  );

  test('an event truncated by a crash spoils only itself', async () => {
    const repository = await opened();
    await published(repository, ID);
    const event = {
      at: '2026-11-22T10:00:00.000Z',
      by: 'a@b',
      type: 'verify',
      level: 'quick',
      ok: true,
      problems: [],
    } as const;
    await repository.appendEvent(ID, event);
    const file = path.join(folder, 'backups', ID, 'events.ndjson');
    const text = await readFile(file, 'utf8');
    const odd = [
      'null',
      '{"at":"yesterday"}',
      JSON.stringify({ ...event, ok: 'yes' }),
      JSON.stringify({ ...event, type: 'x' }),
    ];
    await writeFile(file, `${text}${odd.join('\n')}\n${text.slice(0, 30)}`);
    await repository.appendEvent(ID, { ...event, ok: false });
    expect((await repository.events(ID)).events).toEqual([event, { ...event, ok: false }]);
  });

  test('events are not written through a link', async () => {
    const repository = await opened();
    await published(repository, ID);
    const target = path.join(folder, 'target');
    await writeFile(target, '');
    await symlink(target, path.join(folder, 'backups', ID, 'events.ndjson'));
    const event = {
      at: '2026-11-22T10:00:00.000Z',
      by: 'a@b',
      type: 'verify',
      level: 'quick',
      ok: true,
      problems: [],
    } as const;
    await expect(repository.appendEvent(ID, event)).rejects.toHaveProperty('code', 'E_BACKUP_CORRUPT');
    expect(await readFile(target, 'utf8')).toBe('');
  });
});

describe('taking the lock removes', () => {
  test('old temporary documents and remains of locks, but keeps recent ones', async () => {
    await (await opened()).putDocument('restores/r.json', '{}');
    const debris = [
      'restores/.r.json.0123456789ab.tmp',
      'potctl.lock.0123456789ab',
      '.potctl-repository.json.0123456789ab.tmp',
      '.potctl.reserve.0123456789ab.tmp',
    ];
    const young = ['restores/.r.json.aaaaaaaaaaaa.tmp', 'potctl.lock.aaaaaaaaaaaa'];
    for (const name of [...debris, ...young]) await writeFile(path.join(folder, name), '');
    for (const name of debris) await utimes(path.join(folder, name), 1, 1);
    await (await (await opened()).lock(request())).release();
    expect(await names()).toEqual(['backups', 'potctl-repository.json', 'potctl.lock.aaaaaaaaaaaa', 'restores']);
    expect((await readdir(path.join(folder, 'restores'))).sort()).toEqual(['.r.json.aaaaaaaaaaaa.tmp', 'r.json']);
    expect(await (await opened()).listDocuments('restores')).toEqual(['restores/r.json']);
  });

  test('an unfinished reserve of a dead run, however recent, and an unfinished mark of a dead reader', async () => {
    const repository = await opened();
    await published(repository, ID);
    const host = { ...(await readHostIdentity(process.pid)), pid: 2 ** 22 - 7 };
    const dead = { token: 't', command: 'c', runId: '', operator: 'o', since: 's', host };
    await writeFile(path.join(folder, '.potctl.reserve.aaaaaaaaaaaa.tmp'), 'half');
    await writeFile(path.join(folder, `potctl.reader.${ID}.aaaaaaaaaaaa.bbbbbbbbbbbb`), `${JSON.stringify(dead)}\n0\n`);
    await (await repository.lock(request())).release();
    expect(await names()).toEqual(['backups', 'potctl-repository.json']);
  });

  test('drafts put aside by an interrupted sweep or discard', async () => {
    await published(await opened(), ID);
    await mkdir(path.join(folder, 'backups', '20261123T000000Z-000000.0123456789ab.partial'));
    await (await (await opened()).lock(request())).release();
    expect(await readdir(path.join(folder, 'backups'))).toEqual([ID]);
  });
});

describe('a full disk (needs root, to mount a small one)', () => {
  const event = {
    at: '2026-11-22T10:00:00.000Z',
    by: 'a',
    type: 'verify',
    level: 'full',
    ok: true,
    problems: [],
  } as const;

  test.for([
    ['is laid on a small one that has room for it', 4 * 1024, true],
    ['is not laid where it would take the last room', 1024, false],
  ] as const)('the reserve %s', async ([_, kibibytes, isLaid], context) => {
    await mkdir(folder);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', folder]);
    if (mounted.status !== 0) return context.skip('only root may mount a small file system');
    try {
      const repository = await opened();
      await (await repository.lock(request())).release();
      expect((await readdir(folder)).includes('potctl.reserve')).toBe(isLaid);
      await rm(path.join(folder, 'potctl.reserve'), { force: true });
      await (await repository.lock(request())).release();
      expect((await readdir(folder)).includes('potctl.reserve')).toBe(isLaid);
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  test('causes E_NO_SPACE, loses nothing and leaves nothing', async (context) => {
    await mkdir(folder);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder]);
    if (mounted.status !== 0) return context.skip('only root may mount a small file system');
    try {
      const repository = await opened();
      await published(repository, ID);
      await repository.appendEvent(ID, event);
      await repository.putDocument('restores/r.json', 'old');
      const draft = await draftWithFiles(repository, '20261123T000000Z-000000');
      expect(await repository.freeBytes()).toBeLessThan(512 * 1024);
      expect(() =>
        execFileSync('dd', ['if=/dev/zero', `of=${draft.folder}/big`, 'bs=4096'], { stdio: 'ignore' }),
      ).toThrow();
      const noSpace = { code: 'E_NO_SPACE' };
      await expect(repository.putDocument('restores/r.json', 'new')).rejects.toMatchObject(noSpace);
      await expect((await opened()).lock(request())).rejects.toMatchObject(noSpace);
      await expect(draft.publish('{}\n')).rejects.toMatchObject(noSpace);

      expect(await readdir(path.join(folder, 'backups'))).toEqual([ID]);
      expect((await repository.events(ID)).events).toEqual([event]);
      expect(await repository.getDocument('restores/r.json')).toBe('old');
      expect(await names()).toEqual(['backups', 'histories', 'potctl-repository.json', 'restores']);
      expect(await readdir(path.join(folder, 'restores'))).toEqual(['r.json']);
      await published(repository, '20261124T000000Z-000000');
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
