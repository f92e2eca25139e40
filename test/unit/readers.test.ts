import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { type HostIdentity, readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import { published, request } from '../contract/repository.js';

const ID = '20261122T095106Z-7f3a9c';
const ELSEWHERE = { hostname: 'ops2', bootId: '11111111-2222-3333-4444-555555555555' };
/** No process has that number for long; the start time is that of none. */
const DEAD = { pid: 2 ** 22 - 7, startTime: '1' };

let top: string;
let folder: string;
let host: HostIdentity;
let count = 0;
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-readers-'));
  host = await readHostIdentity(process.pid);
});
beforeEach(async () => {
  count += 1;
  folder = path.join(top, `r${count}`);
  await published(await opened(), ID);
});
afterAll(() => rm(top, { recursive: true, force: true }));

const opened = (as: Partial<HostIdentity> = {}, heartbeatMs = 50, silenceMs = 150): Promise<Repository> =>
  openRepository(
    { name: 'local', path: folder },
    {
      ...{ clock: systemClock, host: { ...host, ...as }, operator: 'ana@ops1' },
      times: { heartbeatMs, silenceMs, pollMs: 20 },
    },
  );
const marks = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('potctl.reader.'));
const held = async (): Promise<boolean> => (await (await opened()).held()).has(ID);

test('a dead reader holds nothing, and its mark is swept', async () => {
  await (await opened(DEAD)).hold(ID, 'backup verify');
  expect((await marks()).length).toBe(1);
  expect(await held()).toBe(false);
  await (await (await opened()).lock(request())).release();
  expect(await marks()).toEqual([]);
});

test('a reader on another host or in another pid namespace holds its backup while its heartbeat continues', async () => {
  for (const other of [ELSEWHERE, { pidNamespace: 'pid:[1]', ...DEAD }]) {
    const hold = await (await opened(other)).hold(ID, 'backup verify');
    await sleep(2_000);
    expect(await held()).toBe(true);
    await (await (await opened()).lock(request())).release();
    expect((await marks()).length).toBe(1);
    await expect((await opened()).remove(ID, 'retention')).rejects.toMatchObject({ code: 'E_LOCKED' });
    await hold.release();
    expect(await marks()).toEqual([]);
  }
});

test('a reader on another host that is silent as long as a lock may be, and longer, still holds its backup', async () => {
  const patient = (): Promise<Repository> => opened({}, 60_000, 1_000);
  await (await opened(ELSEWHERE, 60_000)).hold(ID, 'backup verify');
  await sleep(1_500);
  expect((await (await patient()).held()).has(ID)).toBe(true);
  await expect((await patient()).remove(ID, 'retention')).rejects.toMatchObject({ code: 'E_LOCKED' });
});

test('a reader on another host without a heartbeat for a long time holds nothing', async () => {
  await (await opened(ELSEWHERE, 60_000)).hold(ID, 'backup verify');
  expect(await held()).toBe(true);
  await sleep(2_000);
  expect(await held()).toBe(false);
});

test('a backup is held until its last reader is done', async () => {
  const [one, two] = [await (await opened()).hold(ID, 'backup verify'), await (await opened()).hold(ID, 'restore run')];
  await one.release();
  expect(await held()).toBe(true);
  await two.release();
  expect(await held()).toBe(false);
});

test('an unreadable mark counts until it is old, and a name that only looks like a mark is ignored', async () => {
  await writeFile(path.join(folder, `potctl.reader.${ID}.0123456789ab`), 'garbage');
  await writeFile(path.join(folder, 'potctl.reader.notes'), 'mine');
  expect(await held()).toBe(true);
  await sleep(2_000);
  await (await (await opened()).lock(request())).release();
  expect(await marks()).toEqual(['potctl.reader.notes']);
});

test('if the repository is gone, it is never reported as having no readers', async () => {
  const repository = await opened();
  await repository.hold(ID, 'backup verify');
  await rm(folder, { recursive: true });
  await expect(repository.held()).rejects.toMatchObject({ code: 'E_IO' });
  await expect(repository.remove(ID, 'retention')).rejects.toThrow();
});
