import { expect, test } from 'vitest';
import { restoreList } from '../../commands/restore/list.js';
import { fitTable } from '../../commands/ui/columns.js';
import { createFormats } from '../../commands/ui/format.js';
import type { ListedRun } from '../../src/restore/list.js';

const NOW = new Date('2026-11-23T10:00:00Z');

const RUN: ListedRun = {
  ...{ run_id: '5t2m8q3f7k', started_at: '2026-11-22T09:51:06.000Z', finished_at: '2026-11-22T09:51:16.000Z' },
  ...{ kind: 'restore', mode: 'swap', backup: '20261122T095106Z-7f3a9c', set: 'prod', database: 'threedpot' },
  ...{ directory: null, into_schema: null, state: 'done', settled: true, duration_ms: 10_000, downtime_ms: 40 },
  ...{ old_database: 'threedpot_before_5t2m8q3f7k', undoes: null, undone_by: null, operator: 'ana@ops1', error: null },
  ...{ undo_until: '2026-11-25T09:51:16.000Z', undo: 'possible' },
};

const drawn = (...runs: ListedRun[]) => {
  const columns = restoreList.columns.filter(({ wide }) => wide !== true);
  const screen = { width: 80, fixed: false, now: NOW, formats: createFormats('UTC', NOW) };
  const { header, rows } = fitTable(columns as Parameters<typeof fitTable<ListedRun>>[0], runs, screen);
  return rows.map((row) => Object.fromEntries(row.map((cell, at) => [header[at], cell])));
};

test('kind, target and end of undo are whole on a screen of 80 columns', () => {
  const undone: ListedRun = { ...RUN, state: 'undone', undone_by: 'a3k9x2m4p8', undo: null };
  expect(drawn({ ...RUN, kind: 'undo' }, undone)).toMatchObject([
    { RUN: '5t2m8q3f7k', KIND: 'undo', TARGET: 'threedpot', 'UNDO-UNTIL': '2026-11-25 09:51Z' },
    { KIND: 'restore', TARGET: 'threedpot', STATE: 'undone by a3k9x2m4p8', 'UNDO-UNTIL': '–' },
  ]);
});

test('the end of undo says what is not certain', () => {
  const over = '2026-11-23T09:00:00.000Z';
  expect(
    drawn(
      { ...RUN, undo: 'unknown' },
      { ...RUN, undo: 'unknown', undo_until: over },
      { ...RUN, undo_until: over },
      { ...RUN, undo: 'gone' },
    ).map((row) => row['UNDO-UNTIL']),
  ).toEqual(['2026-11-25 09:51Z (?)', 'expired', 'still possible', 'gone']);
});
