import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Repository } from '../../src/repository/repository.js';
import { published, request } from './repository.js';

const ID = '20261122T095106Z-7f3a9c';
const OTHER = '20261123T095106Z-000001';
const EVENT = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' } as const;

/** What every Repository promises of removing backups, and of those who read them meanwhile. */
export function removing(fresh: () => Promise<{ open: () => Promise<Repository> }>): void {
  const two = async (): Promise<{ repository: Repository; second: Repository; backups: string }> => {
    const place = await fresh();
    const repository = await place.open();
    await published(repository, ID);
    await published(repository, OTHER);
    const backups = path.dirname(await repository.artefacts(ID));
    return { repository, second: await place.open(), backups };
  };

  test('a removed backup is gone with all its bytes, and nothing else is', async () => {
    const { repository, backups } = await two();
    await writeFile(path.join(backups, 'README'), 'not of potctl');
    await mkdir(path.join(backups, 'somebody'));
    const lease = await repository.lock(request());
    await repository.remove(ID, 'retention');
    await lease.release();
    expect(await repository.list()).toEqual([OTHER]);
    expect((await readdir(backups)).sort()).toEqual([OTHER, 'README', 'somebody']);
    await expect(repository.artefacts(ID)).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    await expect(repository.remove(ID, 'again')).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
  });

  test('what a link in a backup leads to is not removed with it', async () => {
    const { repository, backups } = await two();
    const outside = await mkdtemp(path.join(tmpdir(), 'potctl-outside-'));
    await writeFile(path.join(outside, 'precious'), 'kept');
    await symlink(outside, path.join(backups, ID, 'db', 'link'));
    await repository.remove(ID, 'retention');
    expect(await readFile(path.join(outside, 'precious'), 'utf8')).toBe('kept');
    await rm(outside, { recursive: true });
  });

  test('a backup that somebody reads is not removed, until he is done', async () => {
    const { repository, second } = await two();
    const hold = await second.hold(ID, 'backup verify');
    expect([...(await repository.held())]).toEqual([[ID, 'backup verify by ana@ops1']]);
    await expect(repository.remove(ID, 'retention')).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await repository.list()).toEqual([ID, OTHER]);
    await hold.release();
    await hold.release();
    expect((await repository.held()).size).toBe(0);
    await repository.remove(ID, 'retention');
    expect(await repository.list()).toEqual([OTHER]);
  });

  test('a backup that was removed cannot be held any more, and no mark stays', async () => {
    const { repository, second } = await two();
    await repository.remove(ID, 'retention');
    await expect(second.hold(ID, 'backup verify')).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    expect((await repository.held()).size).toBe(0);
  });

  test('a backup that got a pin since it was decided to remove it stays, with the pin', async () => {
    const { repository, second } = await two();
    await second.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    await expect(repository.remove(ID, 'retention', 0)).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await repository.list()).toEqual([ID, OTHER]);
    expect((await repository.events(ID)).events.map(({ type }) => type)).toEqual(['pin']);
  });

  test('what an interrupted removal left is unlisted, and goes when the lock is taken next', async () => {
    const { repository, second, backups } = await two();
    await rename(path.join(backups, ID), path.join(backups, `${ID}.tombstone`));
    expect(await repository.list()).toEqual([OTHER]);
    await (await second.lock(request())).release();
    expect(await readdir(backups)).toEqual([OTHER]);
  });
}
