import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import { withRecordsApart } from '../../src/repository/records-apart.js';
import type { Repository } from '../../src/repository/repository.js';
import { draftWithFiles, published, request } from '../contract/repository.js';

const ID = '20261122T095106Z-7f3a9c';
let top: string;
let folder: string;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-place-'));
  await chmod(top, 0o755);
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

const refusal = (why: RegExp) => ({ code: 'E_REPOSITORY_FORMAT', why: expect.stringMatching(why) });
const names = async (): Promise<string[]> => (await readdir(folder)).sort();

describe('the place of a repository', () => {
  test('that is missing is created by the first write, for its owner only', async () => {
    const repository = await opened();
    await expect(stat(folder)).rejects.toThrow('ENOENT');
    await published(repository, ID);
    expect(await names()).toEqual(['backups', 'potctl-repository.json']);
    for (const name of ['', 'backups', `backups/${ID}`]) {
      expect((await stat(path.join(folder, name))).mode & 0o777).toBe(0o700);
    }
  });

  test('gets one id, whoever writes first', async () => {
    const both = await Promise.all([opened(), opened()]);
    await Promise.all(both.map((repository, index) => repository.putDocument(`restores/r${index}.json`, '{}')));
    const marker = await readFile(path.join(folder, 'potctl-repository.json'), 'utf8');
    await (await opened()).putDocument('restores/again.json', '{}');
    expect(await readFile(path.join(folder, 'potctl-repository.json'), 'utf8')).toBe(marker);
    expect(JSON.parse(marker)).toMatchObject({ format: 'potctl.repository', format_version: '1.0', recipients: [] });
  });

  test('may hold foreign files, which stay as they are', async () => {
    await mkdir(path.join(folder, 'lost+found'), { recursive: true });
    await writeFile(path.join(folder, 'notes.txt'), 'mine');
    await writeFile(path.join(folder, '.cache.0123456789ab.tmp'), 'mine');
    await utimes(path.join(folder, '.cache.0123456789ab.tmp'), 0, 0);
    const repository = await opened();
    await published(repository, ID);
    await mkdir(path.join(folder, 'backups', 'of-somebody.partial'));
    await mkdir(path.join(folder, 'backups', '20261122-old'));
    await (await (await opened()).lock(request())).release();
    expect(await names()).toEqual(
      [
        '.cache.0123456789ab.tmp',
        'backups',
        'lost+found',
        'notes.txt',
        'potctl-repository.json',
        'potctl.reserve',
      ].sort(),
    );
    expect(await repository.list()).toEqual([ID]);
    expect(await readdir(path.join(folder, 'backups'))).toContain('of-somebody.partial');
  });

  test.each([
    ['a restic repository', ['config'], ['data', 'keys']],
    ['a Borg repository', ['README', 'config'], ['data']],
    ['a pgBackRest repository', [], ['archive', 'backup']],
    ['a Kopia repository', ['kopia.repository.f'], []],
    ['the data directory of a PostgreSQL server', ['PG_VERSION'], ['base']],
    ["a folder with somebody's 'backups'", [], ['backups']],
    ["a folder with somebody's 'objects'", ['objects'], []],
  ])('is not %s', async (owner, files, folders) => {
    for (const name of folders) await mkdir(path.join(folder, name), { recursive: true });
    await mkdir(folder, { recursive: true });
    for (const name of files) await writeFile(path.join(folder, name), 'x');
    const before = await names();
    await expect(opened()).rejects.toMatchObject(
      refusal(owner.startsWith('a folder') ? /contains/ : new RegExp(owner)),
    );
    expect(await names()).toEqual(before);
  });

  test('is neither a file nor below one', async () => {
    await writeFile(folder, '');
    await expect(opened()).rejects.toMatchObject(refusal(/not a directory/));
    await expect(opened(path.join(folder, 'x'))).rejects.toMatchObject(refusal(/not a directory/));
  });

  test('is not created with missing parent folders, because a disk may not be mounted', async () => {
    await expect(opened(path.join(folder, 'deep', 'er'))).rejects.toMatchObject(refusal(/above it does not exist/));
  });

  test('is not inside another repository', async () => {
    await published(await opened(), ID);
    await expect(opened(path.join(folder, 'backups'))).rejects.toMatchObject(refusal(/inside another/));
  });

  test('may be a symbolic link to a folder, which is followed once', async () => {
    await mkdir(folder);
    await symlink(folder, `${folder}.link`);
    const repository = await opened(`${folder}.link`);
    await published(repository, ID);
    await rm(`${folder}.link`);
    expect(await repository.list()).toEqual([ID]);
    expect(repository.url).toBe(`${folder}.link`);
  });

  test.each(['nowhere', 'itself'])('is not a symbolic link to %s', async (target) => {
    await symlink(target === 'itself' ? path.basename(folder) : 'nowhere', folder);
    await expect(opened()).rejects.toMatchObject(refusal(/symbolic link/));
  });

  test('of a newer major version is refused, of a newer minor version it is used', async () => {
    await published(await opened(), ID);
    const marker = path.join(folder, 'potctl-repository.json');
    const text = await readFile(marker, 'utf8');
    await writeFile(marker, text.replace('"1.0"', '"2.0"'));
    await expect(opened()).rejects.toMatchObject({
      code: 'E_REPOSITORY_FORMAT',
      message: expect.stringMatching(/newer version of potctl/),
    });
    await writeFile(marker, text.replace('"1.0"', '"1.9"'));
    expect(await (await opened()).list()).toEqual([ID]);
  });

  test.each(['', '{', '[]', '{"format":"other"}', 'null'])('with the damaged marker %j is refused', async (text) => {
    await mkdir(folder);
    await writeFile(path.join(folder, 'potctl-repository.json'), text);
    await expect(opened()).rejects.toMatchObject(refusal(/damaged/));
  });

  test('without its marker is not mistaken for a new one, and the error says how to recover', async () => {
    await published(await opened(), ID);
    await rm(path.join(folder, 'potctl-repository.json'));
    const lost = await opened().catch((error: { fix: string[] }) => error);
    const line = /`echo '(.*)' > (.*)`/.exec((lost as { fix: string[] }).fix[1] ?? '');
    await writeFile(line?.[2] ?? '', line?.[1] ?? '');
    expect(await (await opened()).list()).toEqual([ID]);
  });
});

/** Works as somebody whom modes bind; root is bound by none. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('without permission', () => {
  test('to write, changes are refused as denied, and reading goes on', async () => {
    await published(await opened(), ID);
    const folders = ['', 'backups', `backups/${ID}`].map((name) => path.join(folder, name));
    for (const inner of folders) await chmod(inner, 0o555);
    const event = {
      at: '2026-11-22T10:00:00.000Z',
      by: 'a',
      type: 'verify',
      level: 'full',
      ok: true,
      problems: [],
    } as const;
    await asNobody(async () => {
      const repository = await opened();
      expect(await repository.list()).toEqual([ID]);
      const changes = [
        () => repository.lock(request()),
        () => repository.draft('20261123T000000Z-000000'),
        () => repository.putDocument('restores/r.json', '{}'),
        () => repository.appendEvent(ID, event),
      ];
      for (const change of changes) await expect(change()).rejects.toMatchObject({ code: 'E_FILES_DENIED' });
    });
    for (const inner of folders) await chmod(inner, 0o700);
  });

  test('to create it, the first write is refused as denied', async () => {
    await mkdir(folder, { mode: 0o555 });
    await asNobody(async () => {
      const repository = await opened(path.join(folder, 'new'));
      await expect(repository.lock(request())).rejects.toMatchObject({ code: 'E_FILES_DENIED' });
    });
  });

  test('to list it, it is refused as denied, not mistaken for an empty one', async () => {
    await published(await opened(), ID);
    await chmod(folder, 0);
    await asNobody(async () => {
      await expect(opened()).rejects.toMatchObject({ code: 'E_FILES_DENIED' });
    });
    await chmod(folder, 0o700);
  });

  test('to read records kept apart, those of the repository are read', async () => {
    await (await opened()).putDocument('restores/r.json', 'its own');
    await chmod(folder, 0o755);
    await chmod(path.join(folder, 'restores'), 0o755);
    await chmod(path.join(folder, 'restores', 'r.json'), 0o644);
    const closed = `${folder}.closed`;
    await mkdir(path.join(closed, 'apart'), { recursive: true });
    await writeFile(path.join(closed, 'apart', 'potctl-repository.json'), '{}');
    await chmod(closed, 0);
    await asNobody(async () => {
      const apart = { folder: path.join(closed, 'apart'), open: () => Promise.reject(new Error('opened')) };
      const both = withRecordsApart(await opened(), apart, false);
      expect(await both.getDocument('restores/r.json')).toBe('its own');
    });
    await chmod(closed, 0o700);
  });

  test('to write folders in a draft, the draft is removed all the same', async () => {
    await mkdir(folder);
    await chown(folder, 65_534, 65_534).catch(() => undefined);
    await asNobody(async () => {
      const draft = await draftWithFiles(await opened(), ID);
      await chmod(path.join(draft.folder, 'db', 'dump'), 0o500);
      await draft.discard();
    });
    expect(await readdir(path.join(folder, 'backups'))).toEqual([]);
  });
});
