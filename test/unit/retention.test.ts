import { describe, expect, test } from 'vitest';
import { calendarOf } from '../../src/backup/buckets.js';
import { type Candidate, decideRetention } from '../../src/backup/retention.js';
import type { KeepRules } from '../../src/config/settings.js';
import { candidate, DAY_MS, HOUR_MS, NO_RULES } from './retention-samples.js';

const NOW = '2026-11-23T00:00:00Z';

function decide(backups: readonly Candidate[], rules: Partial<KeepRules>, { now = NOW, zone = 'UTC' } = {}) {
  const decisions = decideRetention(backups, { ...NO_RULES, ...rules }, { nowMs: Date.parse(now), zone });
  return {
    kept: decisions.filter(({ keep }) => keep).map(({ id }) => id),
    reasons: Object.fromEntries(decisions.map(({ id, reasons }) => [id, reasons])),
  };
}

/** One backup a day at noon, the newest on the 22nd. */
const days = (count: number): Candidate[] =>
  Array.from({ length: count }, (_, at) =>
    candidate(new Date(Date.parse('2026-11-22T12:00:00Z') - at * DAY_MS).toISOString()),
  );

describe('keep-last', () => {
  test('counts only good backups; newer ones that are not good are kept, too', () => {
    const backups = [
      candidate('2026-11-22T12:00:00Z', { standing: 'degraded' }),
      candidate('2026-11-21T12:00:00Z'),
      candidate('2026-11-20T12:00:00Z', { standing: 'damaged' }),
      candidate('2026-11-19T12:00:00Z', { standing: 'safety' }),
      candidate('2026-11-18T12:00:00Z'),
      candidate('2026-11-17T12:00:00Z', { standing: 'degraded' }),
      candidate('2026-11-16T12:00:00Z'),
    ];
    const { kept, reasons } = decide(backups, { last: 2 });
    expect(kept).toEqual(backups.slice(0, 5).map(({ id }) => id));
    expect(reasons['2026-11-22T12:00:00Z']).toEqual([
      'degraded, newer than the newest good',
      'degraded, not counted among the last 2',
    ]);
    expect(reasons['2026-11-18T12:00:00Z']).toEqual(['last 2 of 2']);
    expect(reasons['2026-11-17T12:00:00Z']).toEqual(['degraded, and no rule keeps it']);
  });

  test('uses the time in the manifest, not the name or the order', () => {
    const backups = [
      candidate('2026-11-20T00:00:00Z', { id: 'z' }),
      candidate('2026-11-22T00:00:00Z', { id: 'a' }),
      candidate('2026-11-21T00:00:00Z', { id: 'm' }),
    ];
    expect(decide(backups, { last: 2 }).kept).toEqual(['a', 'm']);
  });
});

describe('keep-within', () => {
  test('keeps everything in the window, plus the last backup before it', () => {
    const backups = days(10);
    const { kept, reasons } = decide(backups, { withinMs: 3 * DAY_MS });
    expect(kept).toEqual(backups.slice(0, 4).map(({ id }) => id));
    expect(reasons[backups[3]!.id]).toEqual(['the last before the 3d window']);
  });

  test('keeps degraded backups in the window, but only a good one counts as the last before it', () => {
    const backups = days(6).map((backup, at) =>
      at === 3 || at === 1 ? { ...backup, standing: 'degraded' as const } : backup,
    );
    expect(decide(backups, { withinMs: 3 * DAY_MS }).kept).toEqual([0, 1, 2, 4].map((at) => backups[at]!.id));
  });

  test('never empties a series whose backups are all too old', () => {
    expect(decide(days(3), { withinMs: HOUR_MS }, { now: '2030-01-01T00:00:00Z' }).kept.length).toBe(1);
  });
});

describe('keep-daily, -weekly, -monthly and -yearly', () => {
  test('keep the newest of each period that has one: gaps do not count', () => {
    const backups = ['11-22T20', '11-22T08', '11-20T20', '11-20T08', '10-31T20', '10-30T20'].map((at) =>
      candidate(`2026-${at}:00:00Z`),
    );
    expect(decide(backups, { daily: 3 }).kept).toEqual([0, 2, 4].map((at) => backups[at]!.id));
    expect(decide(backups, { monthly: 2 }).kept).toEqual([0, 4].map((at) => backups[at]!.id));
    expect(decide(backups, { daily: 1, monthly: 2, yearly: 1 }).reasons[backups[0]!.id]).toEqual([
      'the newest good',
      'daily 2026-11-22',
      'monthly 2026-11',
      'yearly 2026',
    ]);
  });

  test('a day with only degraded backups keeps its newest one and is not counted', () => {
    const backups = [
      candidate('2026-11-22T12:00:00Z'),
      candidate('2026-11-21T12:00:00Z', { standing: 'degraded' }),
      candidate('2026-11-21T06:00:00Z', { standing: 'degraded' }),
      candidate('2026-11-20T12:00:00Z'),
      candidate('2026-11-20T06:00:00Z', { standing: 'degraded' }),
    ];
    expect(decide(backups, { daily: 2 }).kept).toEqual([0, 1, 3].map((at) => backups[at]!.id));
  });

  test('safety backups do not count for any day', () => {
    const backups = [candidate('2026-11-22T12:00:00Z'), candidate('2026-11-21T12:00:00Z', { standing: 'safety' })];
    expect(decide(backups, { daily: 5 }).kept).toEqual([backups[0]!.id]);
  });
});

describe('under every policy', () => {
  test.each<[string, Partial<Candidate>]>([
    ['a pinned one', { pin: 'court' }],
    ['one in use', { inUse: 'backup verify by cron@ops1' }],
    ['the newest verified', { verified: 'quick' }],
    ['the newest fully verified', { verified: 'full' }],
    ['the newest restored successfully', { proven: ['database'] }],
  ])('%s is kept, with that reason', (_, facts) => {
    const backups = days(5);
    backups[4] = { ...backups[4]!, ...facts };
    const { kept, reasons } = decide(backups, { last: 1 });
    expect(kept).toEqual([backups[0]!.id, backups[4].id]);
    expect(reasons[backups[4].id]!.length).toBeGreaterThan(0);
  });

  test.each<[string, Partial<Candidate>, string]>([
    ['good', {}, 'the newest good with files'],
    ['verified', { verified: 'quick' }, 'the newest verified with files'],
    ['fully verified', { verified: 'full' }, 'the newest fully verified with files'],
    ['restored', { proven: ['files'] }, 'the newest restored successfully with files'],
  ])('the newest %s backup with files is kept, however many newer ones have none', (_, facts, reason) => {
    const newer = days(4).map((backup) => ({ ...backup, verified: 'full' as const, proven: ['database' as const] }));
    const backups = [...newer, ...days(7).slice(4)];
    backups[4] = { ...backups[4]!, parts: ['database', 'files'] };
    backups[6] = { ...backups[6]!, parts: ['database', 'files'], ...facts };
    const isNewest = Object.keys(facts).length === 0;
    const { reasons } = decide(backups, { last: 1 });
    expect(reasons[backups[isNewest ? 4 : 6]!.id]).toContain(reason);
    expect(reasons[backups[5]!.id]).toEqual(['no rule keeps it']);
  });

  test('a degraded backup with files that is newer than the newest good one with files is kept', () => {
    const backups = days(5);
    backups[2] = { ...backups[2]!, parts: ['database', 'files'], standing: 'degraded' };
    backups[4] = { ...backups[4]!, parts: ['database', 'files'] };
    expect(decide(backups, { last: 1 }).kept).toEqual([0, 2, 4].map((at) => backups[at]!.id));
    backups[4] = { ...backups[4], standing: 'damaged' };
    expect(decide(backups, { last: 1 }).reasons[backups[2].id]).toContain(
      'degraded, but there is no good backup with files',
    );
  });

  test('restoring single tables proves nothing about the rest', () => {
    const backups = days(3);
    backups[2] = { ...backups[2]!, proven: [] };
    expect(decide(backups, { last: 1 }).kept).toEqual([backups[0]!.id]);
  });

  test('a backup found damaged is never the newest verified', () => {
    const backups = days(3);
    backups[2] = { ...backups[2]!, standing: 'damaged', verified: null, proven: ['database'] };
    expect(decide(backups, { last: 1 }).kept).toEqual([backups[0]!.id]);
  });

  test('if no backup is good, the best one is kept', () => {
    const all = (standing: Candidate['standing']) => days(3).map((backup) => ({ ...backup, standing }));
    for (const standing of ['degraded', 'damaged', 'safety'] as const) {
      expect(decide(all(standing), { withinMs: HOUR_MS }).kept).toEqual([days(1)[0]!.id]);
    }
  });
});

describe('the calendar of a zone', () => {
  const daysIn = (zone: string, ...times: string[]): string[] =>
    times.map((time) => calendarOf(zone)(Date.parse(time)).daily);

  test('has days of 25 and 23 hours when clocks change', () => {
    expect(
      daysIn(
        'Europe/Lisbon',
        '2026-10-24T22:59:59Z',
        '2026-10-24T23:00:00Z',
        '2026-10-25T23:59:59Z',
        '2026-10-26T00:00:00Z',
      ),
    ).toEqual(['2026-10-24', '2026-10-25', '2026-10-25', '2026-10-26']);
    expect(
      daysIn(
        'Europe/Lisbon',
        '2026-03-28T23:59:59Z',
        '2026-03-29T00:00:00Z',
        '2026-03-29T22:59:59Z',
        '2026-03-29T23:00:00Z',
      ),
    ).toEqual(['2026-03-28', '2026-03-29', '2026-03-29', '2026-03-30']);
  });

  test('knows zones without midnight, without a day, and with odd offsets', () => {
    expect(daysIn('America/Sao_Paulo', '2018-11-04T02:59:59Z', '2018-11-04T03:00:00Z')).toEqual([
      '2018-11-03',
      '2018-11-04',
    ]);
    expect(daysIn('Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-30T10:00:00Z')).toEqual([
      '2011-12-29',
      '2011-12-31',
    ]);
    expect(daysIn('Asia/Kathmandu', '2026-11-22T18:14:59Z', '2026-11-22T18:15:00Z')).toEqual([
      '2026-11-22',
      '2026-11-23',
    ]);
  });

  test('decides which of two backups of one night is kept', () => {
    const backups = [candidate('2026-10-25T23:30:00Z'), candidate('2026-10-24T23:30:00Z')];
    expect(decide(backups, { daily: 2 }, { zone: 'UTC' }).kept.length).toBe(2);
    expect(decide(backups, { daily: 2 }, { zone: 'Europe/Lisbon' }).kept).toEqual([backups[0]!.id]);
  });

  test('counts weeks as ISO 8601 does, also around New Year', () => {
    const weeks = ['2026-12-31', '2027-01-03', '2027-01-04', '2024-12-30', '2021-01-03', '2026-11-22', '2026-11-23'];
    expect(weeks.map((day) => calendarOf('UTC')(Date.parse(`${day}T12:00:00Z`)).weekly)).toEqual([
      ...['2026-W53', '2026-W53', '2027-W01', '2025-W01', '2020-W53', '2026-W47', '2026-W48'],
    ]);
  });
});
