import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparePin, prepareUnpin } from '../../src/backup/pins.js';
import { systemClock } from '../../src/kernel/clock.js';
import type { Repository } from '../../src/repository/repository.js';
import { request } from '../contract/repository.js';
import { openedAt, publishOld } from '../support/old-backups.js';
import type { Ran } from '../support/run-cli.js';
import { potctlHere as potctl } from '../support/run-main.js';

let top: string;
let folder: string;
let repository: Repository;
let ids: string[];
beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), 'potctl-pin-'));
  folder = path.join(top, 'r');
  repository = await openedAt(folder);
  ids = await publishOld(repository, [1, 2, 3]);
  await (await repository.draft('20200101T000000Z-00bad0')).publish('{');
});
afterAll(() => rm(top, { recursive: true, force: true }));

/** There is no server, because these commands must not need one. */
const run = (...args: string[]): Promise<Ran> =>
  potctl(['backup', ...args, '--repository', folder], { env: { PGHOST: '/nonexistent', PGDATABASE: 'app' } });
const errorOf = ({ stderr }: Ran) => JSON.parse(stderr.trimEnd().split('\n').at(-1)!).error;
const events = async (id: string): Promise<string[]> => (await repository.events(id)).events.map(({ type }) => type);

test('list and show report a pin with its reason, end and author until it is unpinned', async () => {
  const id = ids[1]!;
  const pinned = await run('pin', id, '--reason', 'before 2.1', '--until', '90d', '--operator', 'ana@ops1', '--json');
  expect(pinned.exitCode).toBe(0);
  const { changed, result } = JSON.parse(pinned.stdout);
  expect({ changed, id: result.id, before: result.before }).toEqual({ changed: true, id, before: null });
  expect(result.pin).toMatchObject({ reason: 'before 2.1', by: 'ana@ops1' });
  const days = (Date.parse(result.pin.until) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(89.9);
  expect(days).toBeLessThan(90.1);

  const listed = JSON.parse((await run('list', '--all-series', '--json')).stdout).items;
  expect(listed.find((item: { id: string }) => item.id === id).pinned).toEqual(result.pin);
  expect(listed.find((item: { id: string }) => item.id === ids[0]).pinned).toBeNull();
  expect((await run('list', '--all-series', '-o', 'table')).stdout).toMatch(new RegExp(`${id}.*complete, pinned`));
  expect((await run('list', '--all-series', '-o', 'table', '--wide')).stdout).toMatch(
    new RegExp(`${id}.*before 2\\.1 \\(until`),
  );
  const shown = (await run('show', id)).stdout;
  expect(shown).toMatch(/pinned +before 2\.1 \(ana@ops1, until /);
  expect(shown).toMatch(/ana@ops1 +pin until .*: before 2\.1/);

  const unpinned = await run('unpin', id, '--reason', 'audit is over', '--json');
  expect(JSON.parse(unpinned.stdout)).toMatchObject({
    changed: true,
    result: { pin: null, before: { reason: 'before 2.1' } },
  });
  expect((await run('show', id)).stdout).not.toMatch(/^ *pinned/m);
  expect(JSON.parse((await run('unpin', id, '--json')).stdout)).toMatchObject({ changed: false, exit: 0 });
  expect(await events(id)).toEqual(['pin', 'unpin']);
});

test('a later pin replaces an earlier one, and a dry run records nothing', async () => {
  const id = ids[2]!;
  expect((await run('pin', id, '--reason', 'one')).exitCode).toBe(0);
  expect((await run('pin', id, '--reason', 'two', '--until', '2999-12-31')).exitCode).toBe(0);
  expect((await run('pin', id, '--reason', 'three', '--dry-run')).exitCode).toBe(0);
  expect((await run('unpin', id, '--dry-run')).exitCode).toBe(0);
  const { items } = JSON.parse((await run('list', '--all-series', '--json')).stdout);
  expect(items.find((item: { id: string }) => item.id === id).pinned).toMatchObject({
    reason: 'two',
    until: '2999-12-31T00:00:00.000Z',
  });
  expect(await events(id)).toEqual(['pin', 'pin']);
});

test('needs no lock: it works while a backup is running', async () => {
  const lease = await repository.lock(request());
  expect((await run('pin', 'latest', '--reason', 'now')).exitCode).toBe(0);
  await lease.release();
  expect(await events(ids[0]!)).toEqual(['pin']);
});

test.each<[string, string[], number, string]>([
  ['an unknown id', ['pin', '20200101T000000Z-0dead0', '--reason', 'x'], 10, 'E_BACKUP_NOT_FOUND'],
  ['an ambiguous prefix', ['pin', '20', '--reason', 'x'], 10, 'E_BACKUP_NOT_FOUND'],
  ['a path instead of an id', ['pin', '../../etc', '--reason', 'x'], 10, 'E_BACKUP_NOT_FOUND'],
  ['an unknown id, to unpin', ['unpin', '0dead0'], 10, 'E_BACKUP_NOT_FOUND'],
  ['a damaged backup', ['pin', '20200101T000000Z-00bad0', '--reason', 'x'], 20, 'E_MANIFEST'],
  ['no reason', ['pin', 'latest'], 2, 'E_USAGE'],
  ['a blank reason', ['pin', 'latest', '--reason', '  '], 2, 'E_USAGE'],
  ['no id', ['pin', '--reason', 'x'], 2, 'E_USAGE'],
  ['an end in the past', ['pin', 'latest', '--reason', 'x', '--until', '2020-01-01'], 2, 'E_USAGE'],
  ['an end right now', ['pin', 'latest', '--reason', 'x', '--until', '0s'], 2, 'E_USAGE'],
  ['an end beyond the calendar', ['pin', 'latest', '--reason', 'x', '--until', '999999w'], 2, 'E_USAGE'],
  ['an end that is not a time', ['pin', 'latest', '--reason', 'x', '--until', 'tomorrow'], 2, 'E_USAGE'],
  ['a day that does not exist', ['pin', 'latest', '--reason', 'x', '--until', '2999-13-01'], 2, 'E_USAGE'],
])('%s is refused, and nothing is recorded', async (_, args, exit, code) => {
  const before = await Promise.all(ids.map(events));
  const refused = await run(...args, '--json');
  expect({ exit: refused.exitCode, code: errorOf(refused).code }).toEqual({ exit, code });
  expect(await Promise.all(ids.map(events))).toEqual(before);
});

test('a pin made between plan and unpin is not lost', async () => {
  const [id = ''] = await publishOld(await openedAt(folder), [9]);
  const deps = { repository, clock: systemClock, operator: 'ana@ops1' };
  const at = { database: null, host: null, port: null, profile: null, files: null } as never;
  const of = { reference: id, fromSet: null, at, reason: 'court' };
  const unpin = await prepareUnpin(deps, { ...of, reason: null });
  await (await preparePin({ ...deps, operator: 'bo@ops1' }, of)).apply();
  expect(await unpin.apply()).toMatchObject({ pin: null, before: { reason: 'court', by: 'bo@ops1' } });
  expect(await events(id)).toEqual(['pin', 'unpin']);

  const again = await prepareUnpin(deps, of);
  expect(await again.apply()).toMatchObject({ pin: null, before: null });
  expect(await events(id)).toEqual(['pin', 'unpin']);
});
