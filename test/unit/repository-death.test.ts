import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { LAYOUT } from '../../src/repository/format.js';
import { openOnStorage } from '../../src/repository/on-storage.js';
import type { Repository } from '../../src/repository/repository.js';
import { type Memory, openMemory } from '../../src/storage/memory.js';
import { published, request } from '../contract/repository.js';
import { temporaryFolder } from '../support/tree.js';

const OLD = '20261121T095106Z-000001';
const NEW = '20261122T095106Z-000002';
const PIN = { at: '2026-11-22T10:00:00.000Z', by: 'ana@ops1', type: 'pin', reason: 'court', until: null } as const;
const WHOLE = ['db/dump/toc.dat', 'files.tar', 'manifest.json', 'manifest.json.sha256'];

type Values = Memory['values'];

/** After so many changes its owner is dead: nothing is changed any more. */
class LastBreath extends Map<string, never> {
  changes = 0;

  constructor(
    before: Values,
    readonly allowed: number,
  ) {
    super();
    for (const [key, value] of before) super.set(key, value as never);
  }

  override set(key: string, value: never): this {
    this.spend();
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    this.spend();
    return super.delete(key);
  }

  private spend(): void {
    this.changes += 1;
    if (this.changes > this.allowed) throw new Error('dead');
  }
}

async function opened(values: Values, folder: string, pid = process.pid): Promise<Repository> {
  const host = { ...(await readHostIdentity(process.pid)), pid };
  const memory = { isThere: true, values, folder, clock: systemClock };
  const times = { heartbeatMs: 60_000, silenceMs: 60_000, pollMs: 5 };
  return openOnStorage('memory', openMemory(memory, LAYOUT), { clock: systemClock, host, operator: 'ana@ops1', times });
}

/** Publishes a backup, pins it and removes the older one. */
async function work(repository: Repository): Promise<void> {
  const lease = await repository.lock(request());
  await published(repository, NEW);
  await repository.appendEvent(NEW, PIN);
  await (await repository.hold(NEW, 'backup verify')).release();
  await repository.remove(OLD, 'retention');
  await lease.release();
}

const filesOf = (values: Values, id: string): string[] =>
  [...values.keys()].flatMap((key) => (key.startsWith(`backups/${id}/`) ? key.slice(`backups/${id}/`.length) : []));
const artifacts = (values: Values, id: string): string[] =>
  filesOf(values, id)
    .filter((name) => !name.startsWith('events'))
    .sort();

test('whenever a run dies, only complete backups are listed, finished work stays, and the next lock sweeps the rest', async () => {
  const start: Values = new Map();
  const folder = await temporaryFolder();
  const before = await opened(start, path.join(folder, 'before'));
  await published(before, OLD);
  await before.appendEvent(OLD, PIN);
  const lists = new Set<string>();
  let isOver = false;
  for (let allowed = 0; !isOver; allowed += 1) {
    const dying = new LastBreath(start, allowed);
    const at = path.join(folder, `${allowed}`);
    isOver = await opened(dying as unknown as Values, at, 2 ** 22 - 7)
      .then(work)
      .then(
        () => true,
        () => false,
      );
    const left: Values = new Map(dying as unknown as Values);
    const next = await opened(left, at);
    const listed = await next.list();
    lists.add(listed.join());
    for (const id of listed) expect([allowed, id, artifacts(left, id)]).toEqual([allowed, id, WHOLE]);
    // What was hidden, and not begun to erase, was never judged to the end: it comes back, whole.
    const isOnlyHidden = !listed.includes(OLD) && artifacts(left, OLD).includes('manifest.json');
    await (await next.lock(request())).release();
    const settled = isOnlyHidden ? [OLD, ...listed] : listed;
    expect([allowed, await next.list()]).toEqual([allowed, settled]);
    for (const id of settled) expect([allowed, id, artifacts(left, id)]).toEqual([allowed, id, WHOLE]);
    const owners = [...left.keys()].flatMap((key) => /^(?:backups|histories)\/([^/.]+)/.exec(key)?.[1] ?? []);
    expect([allowed, [...new Set(owners)].sort()]).toEqual([allowed, settled]);
    expect([...left.keys()].filter((key) => /^potctl\.(lock|reader)/.test(key))).toEqual([]);
    if (settled.includes(OLD)) expect((await next.events(OLD)).events).toContainEqual(PIN);
  }
  expect([...lists]).toEqual([OLD, `${OLD},${NEW}`, NEW]);
});
