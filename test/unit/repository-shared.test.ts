import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { BackupEvent, Repository } from '../../src/repository/repository.js';
import { published, request } from '../contract/repository.js';
import { openedAt } from '../support/old-backups.js';
import { folderForAll } from '../support/tree.js';

const ID = '20261122T095106Z-7f3a9c';
const OWNER = 65_534;
const GROUP = 54_321;
const PIN: BackupEvent = {
  ...{ at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1' },
  ...{ type: 'pin', reason: 'court', until: null },
};

let folder: string;
let target: string;
let repository: Repository;
const at = (...names: string[]): string => path.join(folder, ...names);
beforeEach(async () => {
  const top = await folderForAll();
  folder = path.join(top, 'r');
  repository = await openedAt(folder);
  await published(repository, ID);
  target = path.join(top, 'elsewhere');
  await mkdir(target, { mode: 0o755 });
});

const owns = async (file: string) => {
  const { uid, gid, mode } = await stat(file);
  return { uid, gid, mode: mode & 0o7777 };
};

async function giveAway(...files: string[]): Promise<void> {
  for (const file of files) await chown(file, OWNER, OWNER);
}

async function as<T>(user: number, work: () => Promise<T>): Promise<T> {
  process.seteuid!(user);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

describe.skipIf(process.getuid?.() !== 0)('a repository in which root works for another user (needs root)', () => {
  test.each([false, true])(
    'writes and chowns nothing through a link in place of a folder (a file of that name there: %s)',
    async (isThere) => {
      await giveAway(folder, at('backups'), at('backups', ID));
      const before = await owns(target);
      const files = [`${ID}.ndjson`, 'r1.json', '.r1.json.0123456789ab.tmp'];
      if (isThere) for (const name of files) await writeFile(path.join(target, name), '');
      for (const name of ['histories', 'restores']) await symlink(target, at(name));

      const code = isThere ? 'E_BACKUP_CORRUPT' : 'E_REPOSITORY_FORMAT';
      const changed = isThere ? 'nothing' : 'partial';
      await expect(repository.appendEvent(ID, PIN)).rejects.toMatchObject({ code, changed });
      await expect(repository.putDocument('restores/r1.json', '{}')).rejects.toMatchObject({
        code: 'E_REPOSITORY_FORMAT',
        message: expect.stringContaining(at('restores')),
      });
      await (await repository.lock(request())).release();

      expect(await owns(target)).toEqual(before);
      expect((await readdir(target)).sort()).toEqual(isThere ? files.sort() : []);
      for (const name of await readdir(target)) {
        const { size, uid } = await stat(path.join(target, name));
        expect({ name, size, uid }).toEqual({ name, size: 0, uid: 0 });
      }
    },
  );

  test('whose backups folder is a link is not locked, and nothing is created or removed through the link', async () => {
    await rm(at('backups'), { recursive: true });
    await mkdir(path.join(target, `${ID}.partial`));
    await symlink(target, at('backups'));
    await expect(repository.lock(request())).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
    await expect(repository.draft(ID)).rejects.toMatchObject({ code: 'E_REPOSITORY_FORMAT' });
    expect(await readdir(target)).toEqual([`${ID}.partial`]);
  });

  test('does not change a histories folder that several users share', async () => {
    await giveAway(folder, at('backups'), at('backups', ID));
    await mkdir(at('histories'));
    await chown(at('histories'), 0, GROUP);
    await chmod(at('histories'), 0o2770);
    await repository.appendEvent(ID, PIN);
    expect(await owns(at('histories'))).toEqual({ uid: 0, gid: GROUP, mode: 0o2770 });
    expect(await owns(at('histories', `${ID}.ndjson`))).toMatchObject({ uid: OWNER });
  });

  test('gives a histories folder created by root to the owner of the backup', async () => {
    await giveAway(folder, at('backups'), at('backups', ID));
    await repository.appendEvent(ID, PIN);
    expect(await owns(at('histories'))).toEqual({ uid: OWNER, gid: OWNER, mode: 0o700 });
  });

  test.each([0o700, 0o755, 0o1777])(
    'lets its owner remove a backup completely, even if the histories belong to root (%o)',
    async (mode) => {
      await repository.appendEvent(ID, PIN);
      execFileSync('chown', ['-R', `${OWNER}:${OWNER}`, folder]);
      execFileSync('chown', ['-R', '0:0', at('histories')]);
      await chmod(at('histories'), mode);
      await as(OWNER, async () => {
        const lease = await repository.lock(request());
        await repository.remove(ID, 'retention');
        await lease.release();
        await (await repository.lock(request())).release();
      });
      expect([await repository.list(), await readdir(at('backups'))]).toEqual([[], []]);
      expect(await readdir(at('histories'))).toEqual([`${ID}.ndjson`]);
    },
  );

  test('keeps a backup complete and listed if its owner may not remove the files', async () => {
    await repository.appendEvent(ID, PIN);
    execFileSync('chown', ['-R', `${OWNER}:${OWNER}`, folder]);
    await chmod(at('backups', ID), 0o500);
    await as(OWNER, async () => {
      await expect(repository.remove(ID, 'retention')).rejects.toMatchObject({
        code: 'E_FILES_DENIED',
        changed: 'nothing',
      });
    });
    expect([await repository.list(), await readdir(at('backups'))]).toEqual([[ID], [ID]]);
    expect(await repository.readText(ID, 'manifest.json')).toBe('{}\n');
  });
});
