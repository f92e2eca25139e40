import { expect, test } from 'vitest';
import { isPinOver, pinOf } from '../../src/backup/pins.js';
import { decidePrune, type PrunePlan } from '../../src/backup/prune-plan.js';
import { decideRetention } from '../../src/backup/retention.js';
import { CLOCK_TOLERANCE_MS, farClock, isFromFuture } from '../../src/catalog/standing.js';
import type { KeepRules } from '../../src/config/settings.js';
import type { BackupEvent } from '../../src/repository/repository.js';
import { candidate, DAY_MS, NO_RULES, withEvents } from './retention-samples.js';

const NOW = '2026-11-23T00:00:00.000Z';
const nowMs = Date.parse(NOW);
const before = (ms: number): string => new Date(nowMs - ms).toISOString();

test('a backup that is exactly as old as the window is within it, and the one a millisecond older is the last before', () => {
  const backups = [before(DAY_MS), before(3 * DAY_MS), before(3 * DAY_MS + 1), before(3 * DAY_MS + 2)].map((at) =>
    candidate(at),
  );
  const decisions = decideRetention(backups, { ...NO_RULES, withinMs: 3 * DAY_MS }, { nowMs, zone: 'UTC' });
  expect(decisions.map(({ keep }) => keep)).toEqual([true, true, true, false]);
  expect(decisions.map(({ reasons }) => reasons.some((reason) => reason.startsWith('within')))).toEqual([
    ...[true, true, false, false],
  ]);
});

test('a pin holds to the last millisecond of its time, and not at its end', () => {
  const pin: BackupEvent = { at: before(DAY_MS), by: 'ana@ops1', type: 'pin', reason: 'court', until: NOW };
  const at = (ms: number) => [pinOf([pin], new Date(ms)) !== null, isPinOver([pin], new Date(ms))];
  expect([at(nowMs - 1), at(nowMs), at(nowMs + 1)]).toEqual([
    ...[
      [true, false],
      [false, true],
      [false, true],
    ],
  ]);
});

test('clocks are believed as long as they differ by no more than ten minutes', () => {
  expect(CLOCK_TOLERANCE_MS).toBe(600_000);
  expect([before(-600_000), before(-600_001)].map((at) => isFromFuture(at, new Date(nowMs)))).toEqual([false, true]);
  expect([600_000, -600_000, 600_001, -600_001].map((off) => farClock(off) !== null)).toEqual([
    ...[false, false, true, true],
  ]);
});

/** What a prune of so many backups, one a day, would do. */
function prune(count: number, rules: Partial<KeepRules>, maxRemove: number): PrunePlan {
  const entries = Array.from({ length: count }, (_, at) => {
    const facts = {
      id: `b${at}`,
      takenAtMs: nowMs - (at + 1) * DAY_MS,
      set: 'profile:prod',
      status: 'complete',
    } as const;
    return withEvents({ ...facts, kind: 'logical', readable: true, parts: ['database'] }, []).entry;
  });
  const scope = { at: { profile: 'prod', database: null, filesPath: null }, fromSet: null, allSets: false };
  const policy = { rules: { ...NO_RULES, ...rules }, zone: 'UTC', maxRemove };
  return decidePrune(entries, policy, scope, { now: new Date(nowMs), inUse: new Map(), repository: 'r' });
}

test.each<[string, [count: number, last: number, maxRemove: number], number, boolean]>([
  ['exactly half of the backups', [6, 3, 9], 3, false],
  ['one more than half', [7, 3, 9], 4, true],
  ['as many as --max-remove says', [9, 6, 3], 3, false],
  ['one more than --max-remove says', [10, 6, 3], 4, true],
])('to remove %s is confirmed only beyond the limit', (_, [count, last, maxRemove], going, isSevere) => {
  const plan = prune(count, { last }, maxRemove);
  expect([plan.remove.length, plan.severe !== null]).toEqual([going, isSevere]);
});
