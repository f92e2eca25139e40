import { describe, expect, test } from 'vitest';
import { type Column, csvLines, fitTable, plainLines } from '../../commands/ui/columns.js';
import { createFormats, formatAge, formatBytes, formatDuration, formatInstant } from '../../commands/ui/format.js';
import { createDraw, paint } from '../../commands/ui/paint.js';
import { factsText } from '../../commands/ui/progress.js';
import { createView } from '../../commands/ui/screen.js';
import { tableLines } from '../../commands/ui/table.js';
import { cut, displayWidth, visible } from '../../commands/ui/visible.js';
import { counted, grouped, verb } from '../../src/kernel/counted.js';
import { adviceText } from '../support/advice.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const formats = createFormats('UTC', NOW);

test('one is singular, other counts are plural', () => {
  expect([0, 1, 2, 1_234_567].map((n) => counted(n, 'table'))).toEqual([
    '0 tables',
    '1 table',
    '2 tables',
    '1,234,567 tables',
  ]);
  expect([1, 2].map((n) => counted(n, 'entry'))).toEqual(['1 entry', '2 entries']);
  expect(counted(2, 'person', 'people')).toBe('2 people');
  expect([1, 3].map((n) => verb(n, 'is', 'are'))).toEqual(['is', 'are']);
  expect(factsText({ tables: 1, entries: 1, rows: 2 })).toBe('1 table, 1 entry, 2 rows');
});

describe('figures', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [131_596_288, '125.5 MiB'],
    [1_048_575, '1.0 MiB'],
    [2 ** 60, '1024.0 PiB'],
  ])('%d bytes are %s', (size, text) => expect(formatBytes(size)).toBe(text));
  test.each([
    [0, '0.0s'],
    [38_240, '38.2s'],
    [59_960, '1m00s'],
    [201_000, '3m21s'],
    [7_500_000, '2h05m'],
    [126_000_000, '1d11h'],
    [259_200_000, '3d'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [4_812_331, '4,812,331'],
    [-1234, '-1,234'],
  ])('%d is %s', (value, text) => expect(grouped(value)).toBe(text));
  test('the name of a fact decides how it is formatted', () => {
    expect(factsText({ bytes: 1024, free_bytes: 2048, tables: 3, wait_ms: 1500, where: 'here' })).toBe(
      '1.0 KiB, 2.0 KiB free, 3 tables, wait 1.5s, here',
    );
  });
});

describe('times', () => {
  const at = new Date('2026-11-22T09:51:06.900Z');
  test.each([
    ['UTC', '2026-11-22 09:51:06Z'],
    ['America/Sao_Paulo', '2026-11-22 06:51:06-03:00'],
    ['Pacific/Kiritimati', '2026-11-22 23:51:06+14:00'],
    ['Asia/Kolkata', '2026-11-22 15:21:06+05:30'],
    ['Europe/London', '2026-11-22 09:51:06+00:00'],
  ])('in %s: %s', (zone, text) => expect(formatInstant(at, zone)).toBe(text));
  test.each([
    [3, '3s'],
    [720, '12m'],
    [7_200, '2h'],
    [126_000, '1d11h'],
    [-7_200, 'in 2h'],
    [-0.2, '0s'],
  ])('%d s before now is %s', (seconds, text) => {
    expect(formatAge(new Date(NOW.getTime() - seconds * 1000), NOW)).toBe(text);
  });
  test('time and age are shown together, and text that is not a time is unchanged', () => {
    expect(formats.time('2026-11-22T10:00:00Z')).toBe('2026-11-22 10:00:00Z (2h ago)');
    expect(formats.time('yesterday-ish')).toBe('yesterday-ish');
  });
});

describe('invisible characters are escaped', () => {
  test.each([
    ['\u001b[2J', String.raw`\x1b[2J`],
    ['a\nb\tc\r', String.raw`a\nb\tc\r`],
    ['\u202eabc', String.raw`\u202eabc`],
    ['x\u200b\u2066y', String.raw`x\u200b\u2066y`],
    ['\u009b31m', String.raw`\x9b31m`],
    ['\ud800', String.raw`\ud800`],
    ['\u{e0041}', String.raw`\u{e0041}`],
    ['Łódź 日本 é 🎉', 'Łódź 日本 é 🎉'],
  ])('%j', (text, shown) => expect(visible(text)).toBe(shown));
  test('only our own marks become colors', async () => {
    const draw = await createDraw(true);
    expect(draw(`${paint('bad', 'x\u001b[0m')} \u001b[31mred\u0001fake;\u0002`)).toBe(
      `\u001b[31mx\\x1b[0m\u001b[39m \\x1b[31mred\\x01fake;\\x02`,
    );
    expect((await createDraw(false))(paint('bad', 'x'))).toBe('x');
  });
  test('wide characters count two columns, accents none, and truncation never splits one', () => {
    expect([displayWidth('日本'), displayWidth('e\u0301'), displayWidth('abc')]).toEqual([4, 1, 3]);
    expect([cut('日本語', 4), cut('abcdef', 4), cut('abc', 3)]).toEqual(['日…', 'abc…', 'abc']);
    expect([cut('a🇧🇷🇧🇷', 4), cut('xe\u0301yz', 3), cut('👍🏽👍🏽👍🏽', 5)]).toEqual(['a🇧🇷…', 'xe\u0301…', '👍🏽👍🏽…']);
  });
});

interface Row {
  readonly id: string;
  readonly note: string;
  readonly where: string;
}
const columns: readonly Column<Row>[] = [
  { name: 'id', text: ({ id }) => id },
  { name: 'note', text: ({ note }) => note, flexible: true, priority: 2 },
  { name: 'where', text: ({ where }) => where, priority: 3 },
];
const rows: readonly Row[] = [
  { id: '20261122T095106Z-7f3a9c', note: 'before the update of everything', where: 'local' },
];
const drawn = async (width: number, fixed = false): Promise<string[]> =>
  tableLines(fitTable(columns, rows, { width, fixed, now: NOW, formats }));

describe('a table fits', () => {
  test('if there is room, every column is shown whole', async () => {
    expect(await drawn(80)).toEqual(
      [
        'ID                      NOTE                             WHERE',
        '20261122T095106Z-7f3a9c  before the update of everything  local',
      ].map((line, at) => (at === 0 ? line.replace('ID  ', 'ID   ') : line)),
    );
  });
  test('columns with the highest priority number are dropped first, once truncating is not enough', async () => {
    expect((await drawn(44))[0]).toMatch(/^ID +NOTE +WHERE$/);
    expect((await drawn(43))[0]).toMatch(/^ID +NOTE$/);
    expect((await drawn(36))[0]).toBe('ID');
  });
  test('columns that were asked for stay; flexible ones are truncated', async () => {
    expect((await drawn(48, true))[1]).toBe('20261122T095106Z-7f3a9c  before the upda…  local');
  });
  test('ids are never truncated, however narrow the screen', async () => {
    expect((await drawn(10, true))[1]).toBe('20261122T095106Z-7f3a9c  before the …  local');
  });
});

describe('for programs', () => {
  const hostile: readonly Row[] = [
    { id: '-12', note: '=1+1', where: 'a "b", c\r\nd' },
    { id: '-x', note: '@sum', where: '+1' },
  ];
  test('plain is separated by tabs, without a header', () => {
    expect(plainLines(columns, hostile, NOW, formats)[0]).toBe('-12\t=1+1\ta "b", c\\r\\nd');
  });
  test('csv is quoted, one line per row, and no cell is a formula', () => {
    expect(csvLines(columns, hostile, NOW, formats)).toEqual([
      'id,note,where',
      `-12,'=1+1,"a ""b"", c d"`,
      `'-x,'@sum,'+1`,
    ]);
  });
});

test('a view aligns fields and tables, painted or not', async () => {
  const lines: string[] = [];
  const target = {
    data: (line: string) => void lines.push(line),
    note: () => {},
    again: () => '',
    spelled: adviceText,
    draw: await createDraw(true),
    width: 80,
  };
  const view = createView(target, formats);
  view.fields([
    ['Id', 'x'],
    ['Taken at', view.paint('good', 'now')],
  ]);
  view.table(
    ['NAME', 'SIZE'],
    [
      [view.paint('bad', 'a'), '1.0 KiB'],
      ['long name', '12 B'],
    ],
  );
  view.line('end');
  await view.written();
  expect(lines).toEqual([
    '  Id        x',
    '  Taken at  \u001b[32mnow\u001b[39m',
    '\u001b[2mNAME\u001b[22m          \u001b[2mSIZE\u001b[22m',
    '\u001b[31ma\u001b[39m          1.0 KiB',
    'long name     12 B',
    'end',
  ]);
});
