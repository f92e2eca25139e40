import { expect, test } from 'vitest';
import { createDiagnostics } from '../../commands/ui/diagnostics.js';
import { createFormats } from '../../commands/ui/format.js';
import { type Grid, paddedLines, paintedWidth, wrapGrid } from '../../commands/ui/grid.js';
import { bare, createDraw, escaped, paint, wrapPainted } from '../../commands/ui/paint.js';
import { wrapProse } from '../../commands/ui/prose.js';
import { createView } from '../../commands/ui/screen.js';
import { tableLines } from '../../commands/ui/table.js';
import { displayWidth } from '../../commands/ui/visible.js';
import { systemClock } from '../../src/kernel/clock.js';
import { adviceText } from '../support/advice.js';

/** Texts on whose width programs disagree: wide, emoji of all kinds, marks of several scripts, text that would act on a terminal. */
const TEXTS = [
  ...[
    'plain',
    '日本語',
    'e\u0301te\u0301',
    '🎉🚀',
    '👍🏽',
    '🇧🇷',
    '⚠️ warning',
    '✅ done',
    'й\u0483',
    'ไทยที่',
    'שָׁלוֹם',
    'ﾊﾝｶｸ',
  ],
  ...[
    '｟full｠',
    '한국어',
    '𠮷野家',
    '1️⃣',
    '–…·→',
    '\u001b[31mred',
    'a\nb',
    '\u202eabc',
    '👨\u200d👩\u200d👧',
    '',
    'xxx',
    'Łódź',
  ],
];
const painted = (text: string): string => (text === '' ? '' : paint('bad', escaped(text)));
const grid: Grid = {
  header: ['TEXT', 'AGAIN', 'N'],
  rows: TEXTS.map((text, at) => [escaped(text), painted(text), `${10 ** (at % 5)}`]),
  align: ['left', 'left', 'right'],
};

test('columns stay aligned with any script or emoji in a cell', async () => {
  const lines = await tableLines(grid);
  expect(lines).toHaveLength(TEXTS.length + 1);
  expect(new Set(lines.map(paintedWidth)).size).toBe(1);
  const secondColumn = Math.max(...TEXTS.map((text) => displayWidth(escaped(text)))) + 2;
  for (const [at, text] of TEXTS.entries()) {
    if (text === '') continue;
    const [before] = lines[at + 1]!.split(painted(text), 1);
    expect([text, displayWidth(before!)]).toEqual([text, secondColumn]);
  }
});

test('the width of a text is what terminals show', () => {
  const widths = ['日本', 'e\u0301', '🎉', '👍🏽', '🇧🇷', '✅', 'й\u0483', 'ﾊﾝ', '…–·✓'].map(displayWidth);
  expect(widths).toEqual([4, 1, 2, 2, 2, 2, 1, 2, 4]);
});

test('long lists look like short ones', async () => {
  const rows = Array.from({ length: 2_000 }, (_, at) => [...grid.rows[at % grid.rows.length]!]);
  const packaged = await tableLines({ ...grid, rows });
  expect(packaged).toEqual(paddedLines({ ...grid, rows }));
  expect(await tableLines({ ...grid, rows }, 1)).toEqual(packaged);
});

test('a table has no frame and no trailing spaces', async () => {
  expect(
    await tableLines({
      ...grid,
      rows: [
        ['a', '', ''],
        ['b', 'c', '1'],
      ],
    }),
  ).toEqual(['TEXT  AGAIN  N', 'a', 'b     c      1']);
});

test('text wraps between words in its own column; words and amounts stay whole, and each line is painted', async () => {
  const prose = `one two ${paint('bad', 'three four five six seven')} eight /a/path/that/has/no/blanks nine`;
  const narrow = wrapGrid(
    {
      header: ['ID', 'TEXT', 'N'],
      rows: [['20261122T095106Z-7f3a9c', prose, '1,000']],
      align: ['left', 'left', 'right'],
    },
    60,
  );
  const lines = await tableLines(narrow);
  expect(lines.map(bare)).toEqual([
    'ID                       TEXT                             N',
    '20261122T095106Z-7f3a9c  one two three four five six  1,000',
    '                         seven eight',
    '                         /a/path/that/has/no/blanks',
    '                         nine',
  ]);
  const draw = await createDraw(true);
  expect(lines.slice(1, 3).map(draw)).toEqual([
    '20261122T095106Z-7f3a9c  one two \u001b[31mthree four five six\u001b[39m  1,000',
    '                         \u001b[31mseven\u001b[39m eight',
  ]);
});

test('a long name is truncated and a path broken in its own column; ids and times stay whole', async () => {
  const name = 'public.a_table_whose_name_is_as_long_as_postgresql_allows_sixty_three';
  const id = '20261122T095106Z-7f3a9c';
  const lines = await drawn(
    (view) =>
      view.table(
        ['TABLE', 'ID', 'PATH', 'TAKEN', 'ROWS'],
        [[view.paint('bad', name), id, '/var/backups/potctl/of-the-application', '2026-11-22 09:51:06Z', '4,812,331']],
      ),
    88,
  );
  expect(lines).toEqual([
    'TABLE         ID                       PATH              TAKEN                      ROWS',
    'public.a_ta…  20261122T095106Z-7f3a9c  /var/backups/     2026-11-22 09:51:06Z  4,812,331',
    '                                       potctl/',
    '                                       of-the-applicat…',
  ]);
});

test('long lists look like short ones where text wraps, too', async () => {
  const wrapped = { ...grid, rows: [...grid.rows, ['one\ntwo', 'three', '1']] };
  expect(paddedLines(wrapped)).toEqual(await tableLines(wrapped));
});

test('painted text that fits is unchanged, and a wrapped line closes its colors', () => {
  const text = `${paint('good', 'a b')} ${paint('bad', 'c d e')}`;
  expect(wrapPainted(text, 9)).toEqual([text]);
  expect(wrapPainted(text, 3)).toEqual([paint('good', 'a b'), paint('bad', 'c d'), paint('bad', 'e')]);
});

test('a command stays on one line when its neighbors wrap', async () => {
  const command = 'PGHOST=/tmp potctl restore undo 6g417qse7v --repository /var/backups/potctl';
  const pairs = [
    ['Undo', command],
    ['Time', 'not known: no earlier restore of this series'],
    ['Next', 'potctl is not set up in this database yet'],
  ] as const;
  expect(await drawnPairs(pairs, 40)).toEqual([
    `  Undo  ${command}`,
    '  Time  not known: no earlier restore of',
    '        this series',
    '  Next  potctl is not set up in this',
    '        database yet',
  ]);
});

test('times, counts and sizes are not broken', async () => {
  const taken = 'taken 2026-11-30 21:08:48Z (2h ago), 4,812,331 rows in 7.0 MiB';
  expect(await drawnPairs([['A', taken]], 26)).toEqual([
    '  A  taken',
    '     2026-11-30 21:08:48Z',
    '     (2h ago), 4,812,331',
    '     rows in 7.0 MiB',
  ]);
});

test('a header of amounts wraps, the amounts do not', async () => {
  const lines = await drawn((view) => view.table(['TABLE', 'WRITTEN SINCE'], [['public.projects', '5,264']]), 24);
  expect(lines).toEqual(['TABLE            WRITTEN', '                   SINCE', 'public.projects    5,264']);
});

test('values wrap in their own column on a terminal, and stay on one line elsewhere', async () => {
  const pair = ['Database', 'app on db1 with 63 tables and 4,812,331 rows'] as const;
  expect(await drawnPairs([pair], 40)).toEqual([
    '  Database  app on db1 with 63 tables',
    '            and 4,812,331 rows',
  ]);
  expect(await drawnPairs([pair], undefined)).toEqual([`  Database  ${pair[1]}`]);
});

test('lines are written in order while the first table is being loaded', async () => {
  const lines = await drawn((view) => {
    view.line('1');
    view.table(['N'], [['2']]);
    view.note('3');
    view.fields([['n', '4']]);
    view.line('5');
  });
  expect(lines).toEqual(['1', 'N', '2', 'note 3', '  n  4', '5']);
});

test('lines wrap between words on a terminal, indented as they begin, and stay whole elsewhere', async () => {
  const prose = '  ! the old database is kept until 2026-11-22 09:51:06Z, then it is removed';
  const write = (view: ReturnType<typeof createView>): void => view.line(prose);
  expect(await drawn(write, 40)).toEqual([
    '  ! the old database is kept until',
    '    2026-11-22 09:51:06Z, then it is',
    '    removed',
  ]);
  expect(await drawn(write)).toEqual([prose]);
  const proposed = 'Undo it:  PGHOST=/tmp potctl restore undo 6g417qse7v';
  expect(wrapProse(proposed, 20)).toEqual([proposed]);
  expect(wrapProse('potctl is not set up in this database yet', 20)).toEqual([
    'potctl is not set up',
    'in this database yet',
  ]);
  expect(wrapProse('See them with `potctl backup list --all-series`, then choose.', 40)).toEqual([
    'See them with',
    '`potctl backup list --all-series`, then',
    'choose.',
  ]);
});

test('a line break in data stays escaped when the line wraps', () => {
  expect(wrapProse('a name\nError: forged, and more than fits', 20)).toEqual([
    String.raw`a name\nError:`,
    'forged, and more',
    'than fits',
  ]);
});

test('SQL, JSON and paths are never wrapped', async () => {
  const sql = 'CREATE TABLE one (id bigint PRIMARY KEY, at timestamptz NOT NULL);';
  expect(await drawn((view) => view.raw(sql), 20)).toEqual([sql]);
});

test('hints and warnings wrap at the width of stderr; log lines do not', () => {
  const written = (format: 'text' | 'json', columns?: number): string => {
    let all = '';
    const facts = { quiet: false, debug: false, runId: 'r', traceId: 't', clock: systemClock, format };
    const diagnostics = createDiagnostics({
      ...{ ...facts, draw: bare, columns: () => columns },
      write(text) {
        all += text;
      },
    });
    diagnostics.note('one two three four');
    diagnostics.warn('one two three four');
    return all;
  };
  expect(written('text', 14)).toBe('one two three\nfour\nWarning: one\ntwo three four\n');
  expect(written('text')).toBe('one two three four\nWarning: one two three four\n');
  expect(written('json', 14).trimEnd().split('\n')).toHaveLength(2);
});

const drawnPairs = (pairs: readonly (readonly [string, string])[], wrapAt: number | undefined): Promise<string[]> =>
  drawn((view) => view.fields(pairs), wrapAt);

async function drawn(work: (view: ReturnType<typeof createView>) => void, wrapAt?: number): Promise<string[]> {
  const lines: string[] = [];
  const view = createView(
    {
      data: (line) => void lines.push(line),
      note: (line) => void lines.push(`note ${line}`),
      again: () => '',
      spelled: adviceText,
      draw: bare,
      width: wrapAt ?? 80,
      wrapAt,
    },
    createFormats('UTC', new Date(0)),
  );
  work(view);
  await view.written();
  return lines;
}
