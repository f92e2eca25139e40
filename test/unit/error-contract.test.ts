import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shellWords } from '../../commands/cli/parse/shell.js';
import { commands } from '../../commands/registry.js';
import { type MainOptions, type MainRun, runMain } from '../support/run-main.js';
import { sampleCommands } from '../support/sample-commands.js';

const run = (args: string[], options?: MainOptions): Promise<MainRun> => runMain(args, sampleCommands, options);

describe('an error says what failed, why, what was changed and what to do', () => {
  test('as text', async () => {
    const { exitCode, stdout, stderr } = await runMain(['explain', 'E_LOKED'], commands);
    expect(exitCode).toBe(10);
    expect(stdout).toBe('');
    expect(stderr.split('\n')).toEqual([
      `${"Error: there is no error code 'E_LOKED'.".padEnd(64)}E_CODE_NOT_FOUND`,
      '  Changed:  nothing.',
      "  Do:       Did you mean 'E_LOCKED'?",
      '            List all codes: `potctl explain --list`',
      '  More:     potctl explain E_CODE_NOT_FOUND',
      '',
    ]);
  });

  test.each([[['--json']], [['-o', 'json']], [['--output=ndjson']]])(
    'with %j as an object with every key',
    async (flags) => {
      const { exitCode, stdout, stderr } = await runMain(['explain', 'E_LOKED', ...flags], commands);
      expect(stdout).toBe('');
      const { schema, ok, run_id, trace_id, error } = JSON.parse(stderr);
      expect({ schema, ok }).toEqual({ schema: 'potctl/error@1', ok: false });
      expect(run_id).toMatch(/^[0-9a-z]{10}$/);
      expect(trace_id).toMatch(/^[0-9a-f]{32}$/);
      expect(error).toEqual({
        ...{
          code: 'E_CODE_NOT_FOUND',
          class: 'not_found',
          exit: exitCode,
          retryable: false,
          changed: 'nothing',
          changed_detail: null,
        },
        ...{ message: "there is no error code 'E_LOKED'", why: null, docs: 'potctl explain E_CODE_NOT_FOUND' },
        fix: ["Did you mean 'E_LOCKED'?", 'List all codes: `potctl explain --list`'],
      });
    },
  );

  test('an invalid command line is also reported as an object if JSON was asked for', async () => {
    const { exitCode, stderr } = await run(['thing', 'lst', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr).error).toMatchObject({
      code: 'E_USAGE',
      fix: ['Did you mean `potctl thing list`?', 'See `potctl thing --help`.'],
    });
    expect(
      JSON.parse((await run(['thing', 'list', '--nope'], { env: { POTCTL_OUTPUT: 'json' } })).stderr).error.code,
    ).toBe('E_USAGE');
  });

  test('an unexpected error is a bug: exit 1, no stack trace without --debug', async () => {
    const plain = await run(['thing', 'show', '--fail', 'bug']);
    expect(plain.exitCode).toBe(1);
    expect(plain.stderr).toContain('TypeError: undefined is not a function');
    expect(plain.stderr).toContain('E_BUG');
    expect(plain.stderr).not.toContain('sample-commands.ts');
    const debug = await run(['thing', 'show', '--fail', 'bug', '--debug']);
    expect(debug.stderr).toContain('sample-commands.ts');
  });

  test('a full disk is not a bug', async () => {
    const { exitCode, stderr } = await run(['thing', 'show', '--fail', 'errno']);
    expect(exitCode).toBe(17);
    expect(stderr).toContain('E_NO_SPACE');
  });

  test.each([[[]], [['--debug']], [['--json']], [['--log-format', 'json', '--debug']]])(
    'secrets are never printed, whatever was thrown (%j)',
    async (flags) => {
      const { stderr } = await run(['thing', 'show', '--fail', 'secret', ...flags]);
      expect(stderr).not.toMatch(/Canary|Secret.{1,2}77/);
      expect(stderr).not.toContain('hunter22');
      expect(stderr).toContain('[secret]');
    },
  );

  test('with --log-format json every line of stderr is an object with time, level, run and trace', async () => {
    const trace = 'abcdef0123456789abcdef0123456789';
    const { stderr } = await run(['thing', 'work', '--for', '0s', '--log-format', 'json', '--trace-id', trace]);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines)
      expect(line).toMatchObject({ trace_id: trace, run_id: lines[0].run_id, time: expect.stringMatching(/Z$/) });
    expect(lines.map(({ event, level }) => `${level} ${event}`)).toEqual([
      ...['info start', 'info phase', 'info done', 'warning warning', 'info note', 'info end'],
    ]);
    const failed = await run(['thing', 'show', '--fail', 'bug', '--log-format', 'json', '--trace-id', trace]);
    expect(JSON.parse(failed.stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({
      level: 'error',
      trace_id: trace,
      error: { code: 'E_BUG' },
    });
  });
});

describe('an invalid command line exits with 2 and a suggestion', () => {
  test.each([
    [['thng'], 'Did you mean `potctl thing`?'],
    [['thing', 'shw'], 'Did you mean `potctl thing show`?'],
    [['thing', 'list', '--colums', 'id'], "Did you mean '--columns'?"],
    [['thing', 'show', '--fail', 'bugs'], "Did you mean 'bug'?"],
    [['thing', 'list', '-o', 'tabel'], "Did you mean 'table'?"],
    [['thing', 'list', '--rows', '-1'], "'--rows' takes a whole number, 0 or more, not '-1'"],
    [['thing', 'list', '--rows', '1e3'], "'--rows' takes a whole number"],
    [['thing', 'work', '--for', '5'], "'--for' takes a duration such as 30s, 15m, 2h, 3d or 2w, not '5'"],
    [['thing', 'list', '--rows'], "'--rows' needs a value"],
    [['thing', 'drop'], "'potctl thing drop' needs the argument <name>"],
    [['thing', 'drop', 'a', 'b'], "'potctl thing drop' takes one argument, not 'a b'"],
    [['thing', 'drop', ''], "'<name>' takes a value"],
    [['thing', 'list', '--tz', 'Mars/Olympus'], "'--tz' takes UTC, local or a zone such as Europe/Lisbon"],
    [['thing', 'list', '--rows', '-1'], 'See `potctl thing list --help`.'],
    [['thing', 'list', '--cursor', 'garbage'], 'See `potctl thing list --help`.'],
    [['thing', 'list', '--trace-id', 'xyz'], "'--trace-id' takes 32 lower-case hex digits"],
    [['thing', 'list', '--cursor', 'garbage'], "'--cursor' takes the cursor printed by the previous page"],
    [['thing', 'show', '-o', 'csv'], "'potctl thing show' does not support csv"],
    [['help', 'thing', 'shw'], "Did you mean 'thing show'"],
  ])('potctl %j', async (args, expected) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(stderr).toContain(expected);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('the confirmation', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'potctl-gate-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const drop = (...args: string[]): Promise<MainRun> =>
    run(['thing', 'drop', "it's", '--mark', path.join(folder, 'a b'), ...args]);

  test('without a terminal nothing happens, and the printed command works', async () => {
    const { exitCode, stdout, stderr } = await drop('-y');
    expect(exitCode).toBe(30);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^PLAN: it's will be destroyed\n/);
    expect(stderr).toContain('--yes is not enough');
    expect(readdirSync(folder)).toEqual([]);
    const line = /potctl (thing drop .*)/.exec(stderr)![1]!;
    const again = await run(shellWords(line.replaceAll(`'it'\\''s'`, `"it's"`)));
    expect(again).toMatchObject({ exitCode: 0, stdout: "dropped it's\n" });
    expect(readdirSync(folder)).toEqual(['a b']);
  });

  test('a wrong name changes nothing and exits 30', async () => {
    const { exitCode, stderr } = await drop('--confirm', 'its');
    expect(exitCode).toBe(30);
    expect(stderr).toContain('E_CONFIRM_WRONG');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('--no-confirm of the old scripts is answered with --confirm', async () => {
    const { exitCode, stderr } = await drop('--no-confirm');
    expect(exitCode).toBe(30);
    expect(stderr).toContain(`--confirm 'it'\\''s'`);
    expect(stderr).not.toMatch(/Do: .*--no-confirm/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a dry run shows the plan, asks nothing and changes nothing', async () => {
    const { exitCode, stdout, stderr } = await drop('-n', '--json');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('PLAN');
    expect(JSON.parse(stdout)).toMatchObject({ dry_run: true, changed: false });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(['table', 'json', 'ndjson'])('-o %s does not bypass it', async (format) => {
    expect((await drop('-o', format)).exitCode).toBe(30);
    expect(readdirSync(folder)).toEqual([]);
  });
});
