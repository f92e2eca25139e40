import { describe, expect, test } from 'vitest';
import { count } from '../../commands/cli/parse/options.js';
import { writeCursor } from '../../commands/cli/run/cursor.js';
import { scriptKeys } from '../../commands/cli/run/json.js';
import { actionCommand, itemCommand, listCommand, streamCommand } from '../../commands/command.js';
import { commands } from '../../commands/registry.js';
import type { Column } from '../../commands/ui/columns.js';
import { type MainOptions, type MainRun, runMain } from '../support/run-main.js';
import { sampleCommands } from '../support/sample-commands.js';

const run = (args: string[], options?: MainOptions): Promise<MainRun> => runMain(args, sampleCommands, options);

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e]/;

describe('stdout carries the data and nothing else', () => {
  test('a list without a terminal is tab-separated, without header, with whole values', async () => {
    const { exitCode, stdout, stderr } = await run(['thing', 'list']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[1]).toBe('thing-000001\ta label of thing number 1 that is rather long\t7919');
    expect(stderr).toBe('');
  });

  test('JSON is one envelope with every key, and says if there is more', async () => {
    const { stdout } = await run(['thing', 'list', '--rows', '120', '--json']);
    const envelope = JSON.parse(stdout);
    expect(Object.keys(envelope)).toEqual(
      expect.arrayContaining([
        'schema',
        'ok',
        'exit',
        'profile',
        'generated_at',
        'run_id',
        'trace_id',
        'window',
        'page',
        'warnings',
        'items',
      ]),
    );
    expect(envelope).toMatchObject({ schema: 'potctl/thing.list@1', ok: true, profile: null });
    expect(envelope.page).toMatchObject({ returned: 50, total: 120, total_exact: true, truncated: true });
    expect(envelope.generated_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(envelope.items[0].label).toContain('\u001b[2J');
  });

  test('the cursor goes on where the page ended, and the last page has none', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < 9 && cursor !== null; page += 1) {
      const more: string[] = cursor === '' ? [] : ['--cursor', cursor];
      const { stdout } = await run([
        'thing',
        'list',
        '--rows',
        '120',
        '--limit',
        '45',
        '--json',
        '--sort',
        '-id',
        ...more,
      ]);
      const { items, page: facts } = JSON.parse(stdout);
      seen.push(...items.map(({ id }: { id: string }) => id));
      cursor = facts.next_cursor;
    }
    expect(seen).toHaveLength(120);
    expect(new Set(seen).size).toBe(120);
    expect(seen).toEqual([...seen].sort().reverse());
  });

  test('ndjson is one row per line and a summary at the end', async () => {
    const { stdout } = await run(['thing', 'list', '-o', 'ndjson']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatchObject({
      type: 'summary',
      ok: true,
      page: { returned: 3, total: 3, truncated: false, next_cursor: null },
    });
  });

  test('csv has a header, quotes what needs it, and disarms formulas', async () => {
    const { stdout } = await run(['thing', 'list', '-o', 'csv', '--columns', 'id,label']);
    const [header, first] = stdout.split('\n');
    expect(header).toBe('id,label');
    expect(first).toBe(String.raw`thing-000000,"'=cmd(""\x1b[2J"") fake row\t\u202eabc\u200b"`);
  });

  test.each(['table', 'plain', 'csv'])('%s escapes control characters in data', async (format) => {
    const { stdout } = await run(['thing', 'list', '-o', format]);
    expect(stdout).not.toMatch(HIDDEN);
    expect(stdout).toContain(String.raw`\x1b[2J`);
    expect(stdout.trimEnd().split('\n')).toHaveLength(format === 'plain' ? 3 : 4);
  });

  test('text for people escapes them, too, and its colors cannot be forged', async () => {
    const { stdout } = await run(['thing', 'show', '--color', 'always']);
    expect(stdout.split('\n')[1]).toBe(
      String.raw`label ${'\u001b[31m'}=cmd("\x1b[2J")\nfake row\t\u202eabc\u200b${'\u001b[39m'}`,
    );
  });

  test('JSON leaves out no key and no digit of a big number', async () => {
    const { stdout } = await run(['thing', 'show', '--json']);
    expect(JSON.parse(stdout).item).toMatchObject({
      missing: null,
      big: '12345678901234567890',
      small: 5,
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  test('a change prints its id on stdout and all else on stderr', async () => {
    const { exitCode, stdout, stderr } = await run(['thing', 'work', '--for', '0s']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('20261122T095106Z-7f3a9c\n');
    expect(stderr).toMatch(
      /^ {2}✓ working {9}125\.5 MiB stored, 63 tables, 4,812,331 rows, wait 1\.5s {2}0\.\ds\nWarning: one thing was odd\nhint: look at it\n$/,
    );
  });

  test('with -q only warnings and errors are left on stderr', async () => {
    const { stderr } = await run(['thing', 'work', '--for', '0s', '-q']);
    expect(stderr).toBe('Warning: one thing was odd\n');
  });

  test('an action envelope says what it did, who and why', async () => {
    const { stdout } = await run([
      'thing',
      'work',
      '--for',
      '0s',
      '--json',
      '--reason',
      'tidy',
      '--ticket',
      'SUP-1',
      '--operator',
      'ana',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ schema: 'potctl/thing.work@1', dry_run: false, changed: true, reason: 'tidy', ticket: 'SUP-1' },
      operator: { name: 'ana', source: 'flag', verified: false },
      warnings: ['one thing was odd'],
    });
  });
});

describe('lists', () => {
  test('the footer says how many are shown, on stderr', async () => {
    const { stderr } = await run(['thing', 'list', '--rows', '60', '-o', 'table']);
    expect(stderr).toMatch(/^Showing 50 of 60 rows: --limit 0 for all, --cursor \S+ for the next page\n$/);
  });

  test('--limit 0 shows everything, without a footer', async () => {
    const { stdout, stderr } = await run(['thing', 'list', '--rows', '60', '--limit', '0']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(60);
    expect(stderr).toBe('');
  });

  test('an empty list succeeds, and --fail-on-empty exits 10', async () => {
    const { exitCode, stdout } = await run(['thing', 'list', '--rows', '0', '--json', '--fail-on-empty']);
    expect(exitCode).toBe(10);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, exit: 10, items: [], page: { total: 0 } });
    expect((await run(['thing', 'list', '--rows', '0'])).exitCode).toBe(0);
  });

  test('--sort -size puts the largest first; +extra adds a wide column', async () => {
    const { stdout } = await run(['thing', 'list', '--rows', '20', '--sort', '-size', '--columns', '+extra']);
    const sizes = stdout
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split('\t')[2]));
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(stdout).toMatch(/\tx\n/);
  });

  test.each([
    ['--sort', 'sze'],
    ['--columns', 'id,sze'],
  ])('an unknown column of %s is refused with a suggestion', async (flag, name) => {
    const { exitCode, stderr } = await run(['thing', 'list', flag, name]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Did you mean 'size'?");
  });
});

interface Drop {
  readonly id: string;
  readonly takenMs: number;
}

const columns: readonly Column<Drop>[] = [
  { name: 'id', text: ({ id }) => id },
  { name: 'taken', text: ({ takenMs }) => `${takenMs} ms`, wide: true },
];
const drops = (rows: number): Drop[] => Array.from({ length: rows }, (_, at) => ({ id: `d${at}`, takenMs: at }));
const common = { summary: 'rows while they are read', examples: ['potctl drop list'], needs: [] } as const;
const input = { rows: count('--rows <n>', 'how many', { default: 3 }) };

const stream = streamCommand({
  ...{ ...common, name: 'drop list', columns, input, key: ({ id }: Drop) => id },
  async *run({ rows }, _context, { after, limit }) {
    const from = after === null ? 0 : Number(after.slice(1)) + 1;
    const wanted = drops(rows).slice(from, limit === 0 ? undefined : from + limit);
    for (let at = 0; at < wanted.length; at += 4) yield wanted.slice(at, at + 4);
  },
});
const within = itemCommand({
  ...{ ...common, name: 'drop show', input: { ...input, limit: count('--limit <n>', 'rows', { default: 50 }) } },
  async rows({ rows, limit }) {
    const items = (async function* () {
      yield* drops(rows);
    })();
    return { columns, items, total: rows, limit, warnings: ['one of them is odd'] };
  },
  run: async () => ({}),
  render: () => {},
});
const whole = listCommand({
  ...common,
  name: 'drop all',
  columns,
  input,
  run: async ({ rows }) => ({ items: drops(rows) }),
});
const labelled = {
  undoUntil: null,
  labels: { myLabel: { innerName: 1 } },
  parts: [{ storedBytes: 5n, gone: undefined }],
};
const item = itemCommand({
  ...{ ...common, name: 'drop label', input: {}, verbatim: ['labels'], run: async () => labelled, render: () => {} },
});
const share = async () => ({ enabledPercentage: 1 });
const action = actionCommand({
  ...{
    ...common,
    name: 'drop do',
    input: {},
    verbatim: true,
    prepare: async () => ({ plan: null, dryRun: share, apply: share }),
    render: () => {},
  },
});
const runDrop = (args: string[], options?: MainOptions): Promise<MainRun> =>
  runMain(['drop', ...args], [...sampleCommands, stream, within, whole, item, action], options);

describe('rows of a list, of a stream and of an item look the same', () => {
  test.each([
    ['plain', 'd0\nd1\nd2\nd3\nd4\n'],
    ['table', 'ID\nd0\nd1\nd2\nd3\nd4\n'],
    ['csv', 'id\nd0\nd1\nd2\nd3\nd4\n'],
  ])('%s has its header once, whatever came at a time', async (format, text) => {
    for (const name of ['list', 'all', ...(format === 'csv' ? [] : ['show'])]) {
      expect((await runDrop([name, '--rows', '5', '-o', format])).stdout).toBe(text);
    }
  });

  test('csv of the rows of an item has the wide columns, because no flag could add them', async () => {
    expect((await runDrop(['show', '--rows', '2', '-o', 'csv'])).stdout).toBe('id,taken\nd0,0 ms\nd1,1 ms\n');
  });

  test.each(['json', 'ndjson'])('%s has the keys that scripts expect in each row', async (format) => {
    for (const name of ['list', 'all', 'show']) {
      const { stdout } = await runDrop([name, '--rows', '5', '-o', format]);
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      const items = format === 'json' ? lines[0].items : lines.slice(0, -1);
      expect(items).toEqual(drops(5).map(({ id, takenMs }) => ({ id, taken_ms: takenMs })));
      expect(lines.at(-1).page).toMatchObject({ returned: 5, total: 5, truncated: false, next_cursor: null });
    }
  });

  test('the page comes before the items if it is known by then, else after them', async () => {
    const keys = async (name: string): Promise<string[]> =>
      Object.keys(JSON.parse((await runDrop([name, '--json'])).stdout));
    for (const name of ['all', 'show']) {
      expect((await keys(name)).at(-1)).toBe('items');
      expect(await keys(name)).toContain('page');
    }
    expect((await keys('list')).slice(-2)).toEqual(['items', 'page']);
  });

  test.each(['list', 'all', 'show'])('an empty result is a complete document (%s)', async (name) => {
    expect(JSON.parse((await runDrop([name, '--rows', '0', '--json'])).stdout)).toMatchObject({
      items: [],
      page: { total: 0 },
    });
  });

  test('JSON on a terminal is indented and otherwise the same', async () => {
    const { stdout } = await runDrop(['all', '--json'], { columns: 80 });
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
    const empty = await runDrop(['all', '--rows', '0', '--json'], { columns: 80 });
    expect(empty.stdout).toBe(`${JSON.stringify(JSON.parse(empty.stdout), null, 2)}\n`);
  });

  test.each(['list', 'all'])('the cursor of %s reaches every row once', async (name) => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const more: string[] = cursor === '' ? [] : ['--cursor', cursor];
      const { items, page } = JSON.parse(
        (await runDrop([name, '--rows', '11', '--limit', '4', '--json', ...more])).stdout,
      );
      seen.push(...items.map(({ id }: Drop) => id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(drops(11).map(({ id }) => id));
  });

  test.each([
    ['a stream', 'list', 'drop all', '', 'of the same list,'],
    ['a list', 'all', 'drop list', '', 'of the same list and order,'],
    ['a list in another order', 'all', 'drop all', 'id', 'of the same list and order,'],
  ])('%s refuses the cursor of another', async (_title, name, list, sort, words) => {
    const cursor = writeCursor({ list, sort, after: 'd1', shown: 2 });
    const { exitCode, stdout, stderr } = await runDrop([name, '--cursor', cursor]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`'--cursor' takes the cursor printed by the previous page ${words} not '${cursor}'`);
  });
});

describe('JSON has one case', () => {
  test('keys become snake_case at every depth, except names that users chose', async () => {
    const { stdout } = await runDrop(['label', '--json']);
    expect(JSON.parse(stdout).item).toEqual({
      ...{ undo_until: null, labels: { myLabel: { innerName: 1 } }, parts: [{ stored_bytes: 5, gone: null }] },
    });
  });

  test('a result in a foreign format stays unchanged', async () => {
    expect(JSON.parse((await runDrop(['do', '--json'])).stdout).result).toEqual({ enabledPercentage: 1 });
  });

  test('results that keep their keys are listed here', () => {
    const marked = commands.flatMap(({ name, verbatim }) => (verbatim === undefined ? [] : [[name, verbatim]]));
    expect(Object.fromEntries(marked)).toEqual({
      ...{ 'backup list': ['labels'], 'backup show': ['labels', 'manifest'], history: ['details'] },
      ...{ demo: ['environment'], 'config schema': true, 'mfa stats': true },
    });
  });

  test('converting keys changes a copy, never the result itself', () => {
    const result = { runId: 'r1', at: new Date(0), phases: [{ takenMs: 2 }] };
    expect(scriptKeys({ ...result }, [])).toEqual({ run_id: 'r1', at: new Date(0), phases: [{ taken_ms: 2 }] });
    expect(result).toEqual({ runId: 'r1', at: new Date(0), phases: [{ takenMs: 2 }] });
  });
});
