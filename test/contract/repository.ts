import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeBackupId } from '../../src/catalog/id.js';
import { advice, again } from '../../src/kernel/next.js';
import type { BackupEvent, Draft, LockRequest, Repository } from '../../src/repository/repository.js';
import type { Storage } from '../../src/storage/storage.js';
import { removing } from './removing.js';

export const request = (facts: Partial<LockRequest> = {}): LockRequest => ({
  command: 'backup create',
  runId: 'run-1',
  waitMs: 0,
  signal: new AbortController().signal,
  ...facts,
});

/** A draft with two artifacts, one of them in a folder. */
export async function draftWithFiles(repository: Repository, id: string): Promise<Draft> {
  const draft = await repository.draft(id);
  await mkdir(path.join(draft.folder, 'db', 'dump'), { recursive: true });
  await writeFile(path.join(draft.folder, 'db', 'dump', 'toc.dat'), 'table of contents');
  await writeFile(path.join(draft.folder, 'files.tar'), 'archive');
  return draft;
}

export async function published(repository: Repository, id: string, manifest = '{}\n'): Promise<string> {
  const draft = await draftWithFiles(repository, id);
  await draft.publish(manifest);
  return id;
}

const verify = {
  at: '2026-11-22T10:00:00.000Z',
  by: 'ana@ops1',
  type: 'verify' as const,
  level: 'full' as const,
  ok: true,
  problems: [] as string[],
};
const ID = '20261122T095106Z-7f3a9c';
const LATER = '20261123T095106Z-000001';

/** A place that is absent at first. */
export interface Place {
  /** Opens the same each time. */
  readonly open: () => Promise<Repository>;
  /** What the repository lies in. */
  readonly storage: () => Promise<Storage>;
}

/** What every Repository promises; see the interface for the wording. */
export function repositoryContract(name: string, fresh: Fresh): void {
  describe(`${name} fulfills the contract of a repository`, () => {
    draftsAndPublishing(fresh);
    eventsAndDocuments(fresh);
    locking(fresh);
    removing(fresh);
  });
}

type Fresh = () => Promise<Place>;

function draftsAndPublishing(fresh: Fresh): void {
  test('before the first write, reading reports a missing repository instead of an empty one', async () => {
    const repository = await (await fresh()).open();
    expect(await repository.exists()).toBe(false);
    await expect(repository.list()).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
    await expect(repository.getDocument('restores/r.json')).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
    expect(await repository.freeBytes()).toBeGreaterThan(0);
    expect(await repository.exists()).toBe(false);
  });

  test('a draft is not listed and cannot be read until it is published', async () => {
    const repository = await (await fresh()).open();
    const draft = await draftWithFiles(repository, ID);
    expect(await repository.list()).toEqual([]);
    await expect(repository.readText(ID, 'files.tar')).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    await draft.publish('{"a":1}\n');
    expect(await repository.list()).toEqual([ID]);
    expect(await repository.readText(ID, 'manifest.json')).toBe('{"a":1}\n');
  });

  test('published backups are read by later openers and listed ascending', async () => {
    const place = await fresh();
    const id = makeBackupId(new Date());
    await published(await place.open(), LATER);
    await published(await place.open(), ID);
    await published(await place.open(), id);
    const again = await place.open();
    expect(await again.list()).toEqual([ID, LATER, id].sort());
    expect(await again.readText(ID, 'db/dump/toc.dat')).toBe('table of contents');
  });

  test('published artifacts are read-only regular files, and sha256sum accepts the manifest', async () => {
    const repository = await (await fresh()).open();
    const folder = await repository.artifacts(await published(repository, ID, '{"rows":1}\n'));
    for (const file of ['manifest.json', 'manifest.json.sha256', 'files.tar', 'db/dump/toc.dat']) {
      expect([file, (await stat(path.join(folder, file))).mode & 0o777]).toEqual([file, 0o400]);
    }
    execFileSync('sha256sum', ['--check', '--status', 'manifest.json.sha256'], { cwd: folder });
  });

  test('a discarded draft leaves nothing, even with read-only files and folders in it', async () => {
    const repository = await (await fresh()).open();
    const draft = await draftWithFiles(repository, ID);
    await chmod(path.join(draft.folder, 'files.tar'), 0o400);
    await chmod(path.join(draft.folder, 'db', 'dump'), 0o500);
    await draft.discard();
    await draft.discard();
    expect(await readdir(path.dirname(draft.folder))).toEqual([]);
    expect(await repository.list()).toEqual([]);
  });

  test('discarding after publishing does nothing', async () => {
    const repository = await (await fresh()).open();
    const draft = await draftWithFiles(repository, ID);
    await draft.publish('{}\n');
    await draft.discard();
    expect(await repository.list()).toEqual([ID]);
  });

  test('a taken id is never overwritten', async () => {
    const repository = await (await fresh()).open();
    await published(repository, ID, '{"first":true}\n');
    await expect(repository.draft(ID)).rejects.toMatchObject({ code: 'E_REFUSED' });
    expect(await repository.readText(ID, 'manifest.json')).toBe('{"first":true}\n');
  });

  test('a missing file, a missing backup and an invalid id are not found', async () => {
    const repository = await (await fresh()).open();
    await published(repository, ID);
    for (const [id, file] of [
      [ID, 'nothing'],
      [LATER, 'manifest.json'],
      ['../backups', 'manifest.json'],
      ['', 'manifest.json'],
    ] as const) {
      await expect(repository.readText(id, file)).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
    }
  });
}

function eventsAndDocuments(fresh: Fresh): void {
  test('events are read in order, and concurrent ones are not lost', async () => {
    const repository = await (await fresh()).open();
    await published(repository, ID);
    expect(await repository.events(ID)).toEqual({ events: [], damage: null });
    const many = Array.from({ length: 40 }, (_, index): BackupEvent => ({ ...verify, by: `writer-${index}` }));
    await Promise.all(many.map((event) => repository.appendEvent(ID, event)));
    expect((await repository.events(ID)).events.map(({ by }) => by).sort()).toEqual(many.map(({ by }) => by).sort());
    await repository.appendEvent(ID, { ...verify, ok: false, problems: ['cut\nhere'] });
    expect((await repository.events(ID)).events.at(-1)).toEqual({ ...verify, ok: false, problems: ['cut\nhere'] });
  });

  test('an event for a missing backup is refused', async () => {
    const repository = await (await fresh()).open();
    await published(repository, ID);
    await expect(repository.appendEvent(LATER, verify)).rejects.toMatchObject({ code: 'E_BACKUP_NOT_FOUND' });
  });

  test('a document is replaced atomically, listed by its full name, and undefined if missing', async () => {
    const repository = await (await fresh()).open();
    await repository.putDocument('restores/b.json', 'one');
    await repository.putDocument('restores/a.json', 'x'.repeat(100_000));
    await repository.putDocument('restores/b.json', 'two');
    expect(await repository.listDocuments('restores')).toEqual(['restores/a.json', 'restores/b.json']);
    expect(await repository.getDocument('restores/b.json')).toBe('two');
    expect(await repository.getDocument('restores/c.json')).toBeUndefined();
  });

  test.each([
    '../x.json',
    'restores/../../x',
    '/etc/x',
    'backups/x',
    'restores/.hidden',
    'restores/a/b',
    'restores/a\nb',
  ])('the document name %j is refused', async (name) => {
    const repository = await (await fresh()).open();
    await expect(repository.putDocument(name, 'x')).rejects.toThrow();
  });
}

function locking(fresh: Fresh): void {
  test('a second process is refused with the facts of the lock holder, and gets the lock after its release', async () => {
    const place = await fresh();
    const [first, second] = [await place.open(), await place.open()];
    const lease = await first.lock(request());
    await expect(second.lock(request())).rejects.toMatchObject({
      code: 'E_LOCKED',
      why: { command: 'backup create', run: 'run-1', pid: expect.any(Number), operator: expect.any(String) },
      fix: [advice`To wait for it, repeat the command with ${again('--wait', '30m')}`],
    });
    await lease.assertHeld();
    await lease.release();
    await lease.release();
    await (await second.lock(request())).release();
  });

  test('of many waiting processes each gets the lock, one at a time', async () => {
    const place = await fresh();
    let inside = 0;
    const turn = async (): Promise<number> => {
      const lease = await (await place.open()).lock(request({ waitMs: 20_000 }));
      inside += 1;
      const together = inside;
      await new Promise((resolve) => setTimeout(resolve, 5));
      await lease.assertHeld();
      inside -= 1;
      await lease.release();
      return together;
    };
    expect(await Promise.all(Array.from({ length: 8 }, turn))).toEqual(Array(8).fill(1));
  });

  test('an aborted wait ends at once, with the given reason', async () => {
    const place = await fresh();
    const lease = await (await place.open()).lock(request());
    const abort = new AbortController();
    const waiting = (await place.open()).lock(request({ waitMs: 60_000, signal: abort.signal }));
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(waiting).rejects.toThrow('enough');
    await lease.release();
  });

  test('unfinished drafts of earlier runs are swept when the lock is taken', async () => {
    const place = await fresh();
    const draft = await draftWithFiles(await place.open(), ID);
    const repository = await place.open();
    const lease = await repository.lock(request());
    expect(await readdir(path.dirname(draft.folder))).toEqual([]);
    await lease.release();
  });
}
