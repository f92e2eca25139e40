import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PrunePolicy } from '../../src/backup/keep-rules.js';
import { pinOf } from '../../src/backup/pins.js';
import { decidePrune, type PrunePlan } from '../../src/backup/prune-plan.js';
import { PARTS } from '../../src/catalog/standing.js';
import type { BackupEvent } from '../../src/repository/repository.js';
import { inSweep } from '../support/sweep.js';
import { DAY_MS, type HistoryBackup, HOUR_MS, withEvents } from './retention-samples.js';

const HISTORIES = inSweep ? 100_000 : 5_000;
const ZONES = ['UTC', 'Europe/Lisbon', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Apia'];
const SET = 'profile:prod';
const SCOPE = { at: { profile: 'prod', database: null, filesPath: null }, fromSet: null, allSets: false };

/** Numbers for a history, taken from random bytes; 0 when they are used up. */
function dice(bytes: Uint8Array): { readonly left: () => boolean; readonly roll: (sides: number) => number } {
  let at = 0;
  const roll = (sides: number): number => {
    const byte = bytes[at] ?? 0;
    at += 1;
    return byte % sides;
  };
  return { left: () => at < bytes.length, roll };
}

type Roll = (sides: number) => number;

interface History {
  nowMs: number;
  backups: HistoryBackup[];
  made: number;
  prunes: number;
}

function isGood({ entry, kind, status }: HistoryBackup): boolean {
  return entry.ok && kind !== 'safety' && status === 'complete' && entry.verified?.ok !== false;
}

function make(history: History, changes: Partial<HistoryBackup>): void {
  history.made += 1;
  const id = `b${String(history.made).padStart(3, '0')}`;
  const { nowMs: takenAtMs } = history;
  const usual = { id, takenAtMs, set: SET, status: 'complete', kind: 'logical', readable: true, parts: PARTS } as const;
  history.backups.push(withEvents({ ...usual, ...changes }, []));
}

function note({ backups, nowMs }: History, roll: Roll, event: (at: string) => object): void {
  const which = roll(backups.length || 1);
  const backup = backups[which];
  const at = new Date(nowMs).toISOString();
  if (backup === undefined) return;
  const noted = { at, by: 'a@b', ...event(at) } as BackupEvent;
  backups[which] = withEvents(backup, [...backup.events, noted]);
}

function wait(history: History, ms: number): void {
  history.nowMs += ms;
}

const STEPS: readonly ((history: History, roll: Roll) => void)[] = [
  (history, roll) => wait(history, (1 + roll(60)) * HOUR_MS),
  (history, roll) => wait(history, (1 + roll(40)) * DAY_MS),
  // The clock jumps: back by days, or ahead by months.
  (history, roll) => wait(history, roll(2) === 0 ? -(roll(20) * DAY_MS) : roll(12) * 30 * DAY_MS),
  (history) => make(history, {}),
  (history) => make(history, {}),
  (history) => make(history, {}),
  (history) => make(history, { parts: ['database'] }),
  (history) => make(history, { parts: ['files'] }),
  (history) => make(history, { status: 'degraded' }),
  (history) => make(history, { kind: 'safety' }),
  (history) => make(history, { readable: false }),
  (history) => make(history, { set: '7301/other' }),
  (history, roll) => note(history, roll, () => ({ type: 'pin', reason: 'court', until: null })),
  (history, roll) =>
    note(history, roll, (at) => ({
      type: 'pin',
      reason: 'audit',
      until: new Date(Date.parse(at) + roll(30) * DAY_MS).toISOString(),
    })),
  (history, roll) => note(history, roll, () => ({ type: 'unpin', reason: null })),
  (history, roll) =>
    note(history, roll, () => ({
      type: 'verify',
      level: roll(2) === 0 ? 'quick' : 'full',
      ok: roll(3) > 0,
      problems: [],
    })),
  (history, roll) =>
    note(history, roll, () => ({ type: 'restore', run: 'r', target: 't', ok: roll(3) > 0, duration_ms: 1 })),
  prune,
  prune,
];

function policyOf(roll: Roll): PrunePolicy {
  const rules = {
    ...{ last: roll(4), withinMs: roll(3) * roll(20) * DAY_MS, daily: roll(4), weekly: roll(3), monthly: roll(3) },
    yearly: roll(2),
  };
  // Also the policy that keeps nothing by itself: no command lets it through, but the promises hold for it, too.
  return { rules, zone: ZONES[roll(ZONES.length)]!, maxRemove: roll(10) };
}

function prune(history: History, roll: Roll): void {
  const { backups, nowMs } = history;
  if (!backups.some(({ set, readable }) => set === SET && readable)) return;
  const policy = policyOf(roll);
  const reading = backups[roll(backups.length)]!.id;
  const decide = (from: readonly HistoryBackup[]): PrunePlan => {
    const newest = [...from].sort((x, y) => y.takenAtMs - x.takenAtMs).map(({ entry }) => entry);
    const moment = { now: new Date(nowMs), inUse: new Map([[reading, 'backup verify']]), repository: 'r' };
    return decidePrune(newest, policy, SCOPE, moment);
  };
  const mine = backups.filter(({ set, readable }) => set === SET && readable);
  if (mine.some(({ takenAtMs }) => takenAtMs > nowMs)) {
    if (codeOf(() => decide(backups)) !== 'E_UNFIT') throw new Error('a clock that went backwards was not noticed');
    return;
  }
  const plan = decide(backups);
  const going = new Set(plan.remove.map(({ id }) => id));
  hold({ mine, going, history, policy, reading });
  history.backups = backups.filter(({ id }) => !going.has(id));
  history.prunes += 1;
  // What stays, stays: a second prune of the same moment finds nothing to do.
  if (going.size > 0 && decide(history.backups).remove.length > 0) throw new Error('a second prune removes more');
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

interface Pruned {
  readonly mine: readonly HistoryBackup[];
  readonly going: ReadonlySet<string>;
  readonly history: History;
  readonly policy: PrunePolicy;
  readonly reading: string;
}

/** The four promises, and that each is about something. Plain comparisons: matchers would take longer than what they check. */
function hold({ mine, going, history: { nowMs }, policy, reading }: Pruned): void {
  const promise = (holds: boolean, text: string): void => {
    if (!holds) throw new Error(`${text}: ${[...going].join(', ')} would go`);
  };
  const stays = (backup: HistoryBackup | undefined): boolean => backup === undefined || !going.has(backup.id);
  const newest = (fits: (backup: HistoryBackup) => boolean): HistoryBackup | undefined =>
    mine
      .filter(fits)
      .sort((a, b) => a.takenAtMs - b.takenAtMs || (a.id < b.id ? -1 : 1))
      .at(-1);
  for (const part of PARTS) {
    const newestWith = (fits: (backup: HistoryBackup) => boolean): HistoryBackup | undefined =>
      newest((b) => isGood(b) && b.parts.includes(part) && fits(b));
    promise(stays(newestWith(() => true)), `the newest good one with ${part} stays`);
    promise(stays(newestWith(verifiedOf)), `the newest verified one with ${part} stays`);
    promise(
      stays(newestWith(({ events }) => events.some((e) => e.type === 'restore' && e.ok))),
      `the newest restored with ${part} stays`,
    );
    if (policy.rules.withinMs > 0) {
      const before = nowMs - policy.rules.withinMs;
      promise(stays(newestWith(({ takenAtMs }) => takenAtMs < before)), `the way back of ${part} is covered`);
    }
  }
  promise(mine.length === 0 || going.size < mine.length, 'something stays');

  const begin = nowMs - policy.rules.withinMs;
  if (policy.rules.withinMs > 0) {
    promise(mine.filter(({ takenAtMs }) => takenAtMs >= begin).every(stays), 'all of the window stays');
  }
  const pinned = mine.filter(({ events }) => pinOf(events, new Date(nowMs)) !== null);
  promise(pinned.every(stays), 'pinned ones stay');
  promise(!going.has(reading), 'what is being read stays');
  const ours = new Set(mine.map(({ id }) => id));
  promise(
    [...going].every((id) => ours.has(id)),
    'other series and unreadable backups are kept',
  );
}

function verifiedOf({ entry }: HistoryBackup): boolean {
  return entry.ok && entry.verified?.ok === true;
}

test(`of ${HISTORIES} random histories none loses its newest good backup, a pinned one, one in use, the window, or backups of others`, {
  timeout: 120_000,
}, () => {
  let [prunes, removed] = [0, 0];
  const play = (bytes: Uint8Array): void => {
    const { left, roll } = dice(bytes);
    const history: History = { nowMs: Date.UTC(2026, 2, 1), backups: [], made: 0, prunes: 0 };
    while (left()) STEPS[roll(STEPS.length)]!(history, roll);
    prune(history, roll);
    prunes += history.prunes;
    removed += history.made - history.backups.length;
  };
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 30 }), play), {
    numRuns: HISTORIES,
    seed: 20_261_123,
  });
  // Histories in which nothing happens would prove nothing.
  expect(prunes).toBeGreaterThan(HISTORIES);
  expect(removed).toBeGreaterThan(HISTORIES / 2);
});
