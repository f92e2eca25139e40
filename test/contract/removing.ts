import { expect, test } from 'vitest';
import type { Repository } from '../../src/repository/repository.js';
import type { Storage } from '../../src/storage/storage.js';
import { type Place, published, request } from './repository.js';

const ID = '20261122T095106Z-7f3a9c';
const OTHER = '20261123T095106Z-000001';
const EVENT = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' } as const;

/** What every Repository promises of removing backups, and of those who read them meanwhile. */
export function removing(fresh: () => Promise<Place>): void {
  const two = async (): Promise<{ repository: Repository; second: Repository; storage: Storage }> => {
    const place = await fresh();
    const repository = await place.open();
    await published(repository, ID);
    await published(repository, OTHER);
    return { repository, second: await place.open(), storage: await place.storage() };
  };

  test('removing a backup removes all its bytes and nothing else', async () => {
    const { repository, storage } = await two();
    await storage.put('backups/README', 'not of potctl');
    const lease = await repository.lock(request());
    await repository.remove(ID, 'retention');
    await lease.release();
    expect(await repository.list()).toEqual([OTHER]);
    expect((await storage.list('backups')).sort()).toEqual([OTHER, 'README']);
    await expect(repository.artifacts(ID)).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    await expect(repository.remove(ID, 'again')).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
  });

  test('a backup that is being read cannot be removed until reading ends', async () => {
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

  test('a removed backup cannot be held, and no mark remains', async () => {
    const { repository, second } = await two();
    await repository.remove(ID, 'retention');
    await expect(second.hold(ID, 'backup verify')).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    expect((await repository.held()).size).toBe(0);
  });

  test('a backup that was pinned after the decision to remove it is kept, with the pin', async () => {
    const { repository, second } = await two();
    await second.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    await expect(repository.remove(ID, 'retention', 0)).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(await repository.list()).toEqual([ID, OTHER]);
    expect((await repository.events(ID)).events.map(({ type }) => type)).toEqual(['pin']);
  });

  test('remains of an interrupted removal are unlisted and removed with the next lock', async () => {
    const { repository, second, storage } = await two();
    const removal = await storage.groups.removal(ID);
    await removal.hide();
    await removal.erase(() => Promise.reject(new Error('killed'))).catch(() => {});
    expect(await repository.list()).toEqual([OTHER]);
    await (await second.lock(request())).release();
    expect(await storage.list('backups')).toEqual([OTHER]);
  });

  test('a backup pinned just before a dying run hid it is listed again with the next lock, with the pin', async () => {
    const { repository, second, storage } = await two();
    await second.appendEvent(ID, { ...EVENT, type: 'tombstone', reason: 'retention' });
    await second.appendEvent(ID, { ...EVENT, type: 'pin', reason: 'court', until: null });
    await (await storage.groups.removal(ID)).hide();
    expect(await repository.list()).toEqual([OTHER]);
    await (await second.lock(request())).release();
    expect(await repository.list()).toEqual([ID, OTHER]);
    expect((await repository.events(ID)).events.map(({ type }) => type)).toEqual(['tombstone', 'pin']);
    expect(await repository.readText(ID, 'files.tar')).toBe('archive');
    await repository.remove(ID, 'retention');
    expect(await storage.list('backups')).toEqual([OTHER]);
  });
}
