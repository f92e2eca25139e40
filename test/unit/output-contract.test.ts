import { describe, expect, test } from 'vitest';
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

  test('JSON is one envelope with every key, and says that there is more', async () => {
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

  test('ndjson is one row a line and a summary at the end', async () => {
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

  test.each(['table', 'plain', 'csv'])('%s makes control characters from data visible', async (format) => {
    const { stdout } = await run(['thing', 'list', '-o', format]);
    expect(stdout).not.toMatch(HIDDEN);
    expect(stdout).toContain(String.raw`\x1b[2J`);
    expect(stdout.trimEnd().split('\n')).toHaveLength(format === 'plain' ? 3 : 4);
  });

  test('what is drawn for people makes them visible, too, and its colours cannot be forged', async () => {
    const { stdout } = await run(['thing', 'show', '--color', 'always']);
    expect(stdout.split('\n')[1]).toBe(
      String.raw`label ${'\u001b[31m'}=cmd("\x1b[2J")\nfake row\t\u202eabc\u200b${'\u001b[39m'}`,
    );
  });

  test('JSON leaves no key out: undefined is null, and no digit of a big number is lost', async () => {
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
      /^ {2}✓ working {9}125\.5 MiB stored, 63 tables, 4 812 331 rows, wait 1\.5s {2}0\.\ds\nWarning: one thing was odd\nhint: look at it\n$/,
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
    expect(stderr).toMatch(/^50 of 60 shown — --limit 0 for all, --cursor \S+ for the next\n$/);
  });

  test('--limit 0 shows all, and nothing is said about more', async () => {
    const { stdout, stderr } = await run(['thing', 'list', '--rows', '60', '--limit', '0']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(60);
    expect(stderr).toBe('');
  });

  test('an empty list is an empty list, and --fail-on-empty exits 10', async () => {
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
