import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSampleCli, type SampleCli } from '../support/sample-cli.js';

let cli: SampleCli;
beforeAll(async () => {
  cli = await buildSampleCli();
});
afterAll(() => cli.remove());

interface TerminalRun {
  readonly exitCode: number;
  readonly screen: string;
}

interface TerminalOptions {
  /** Typed when the text stands on the screen, one after the other; '' only waits for the text. */
  readonly answers?: readonly (readonly [on: string, typed: string])[];
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A line of bash around it, in which `$potctl` is the program. */
  readonly line?: string;
}

/** Runs the program in a real terminal. */
function terminal(args: readonly string[], options: TerminalOptions = {}): Promise<TerminalRun> {
  const { answers = [], columns = 100, env = {}, line } = options;
  const [file, argv] = line === undefined ? [process.execPath, [cli.file, ...args]] : ['bash', ['-c', line]];
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    TERM: 'xterm',
    potctl: `${process.execPath} ${cli.file}`,
    ...env,
  };
  const pty = spawn(file, [...argv], { cols: columns, rows: 40, env: environment });
  const left = [...answers];
  let screen = '';
  let read = 0;
  pty.onData((data) => {
    screen += data;
    for (let next = left[0]; next !== undefined; next = left[0]) {
      const at = screen.indexOf(next[0], read);
      if (at < 0) return;
      left.shift();
      read = at + next[0].length;
      if (next[1] !== '') pty.write(next[1]);
    }
  });
  const timer = setTimeout(() => pty.kill('SIGKILL'), 30_000);
  return new Promise((resolve) => {
    pty.onExit(({ exitCode }) => {
      clearTimeout(timer);
      resolve({ exitCode, screen });
    });
  });
}

const question = 'Type  app  to go on';
let number = 0;
function dropArgs(): { readonly mark: string; readonly args: string[] } {
  number += 1;
  const mark = path.join(cli.folder, `mark-${number}`);
  return { mark, args: ['thing', 'drop', 'app', '--mark', mark] };
}

describe('what cannot be undone wants its name typed', () => {
  test('the plan stands above the question, and the right name lets it happen', async () => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal(args, { answers: [[question, 'app\r']] });
    expect(exitCode).toBe(0);
    expect(screen.indexOf('PLAN: app will be destroyed')).toBeLessThan(screen.indexOf(question));
    expect(screen).toContain('dropped app');
    expect(readFileSync(mark, 'utf8')).toBe('app');
  });

  test('three wrong names: exit 31 and nothing changed; case counts', async () => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal(args, {
      answers: [
        [question, 'App\r'],
        ['2 tries left', ''],
        [question, 'app2\r'],
        ['1 try left', ''],
        [question, 'y\r'],
      ],
    });
    expect(exitCode).toBe(31);
    expect(screen).toContain('2 tries left');
    expect(screen).toContain('1 try left');
    expect(screen).toContain('E_CANCELLED');
    expect(existsSync(mark)).toBe(false);
  });

  test.each([
    ['an empty answer', '\r'],
    ['Ctrl-C', '\u0003'],
  ])('%s stops at once: exit 31, nothing changed', async (_name, typed) => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal(args, { answers: [[question, typed]] });
    expect(exitCode).toBe(31);
    expect(screen).toMatch(/Changed: +nothing\./);
    expect(existsSync(mark)).toBe(false);
  });

  test('answers are never read from redirected data, although there is a terminal', async () => {
    const { mark, args } = dropArgs();
    const line = `echo app | $potctl ${args.join(' ')}`;
    const { exitCode, screen } = await terminal([], { line });
    expect(exitCode).toBe(30);
    expect(screen).toContain('there is no terminal');
    expect(existsSync(mark)).toBe(false);
  });

  test.each([
    [['--no-input'], {}],
    [[], { POTCTL_NO_INPUT: '1' }],
    [[], { CI: 'true' }],
  ])('%j %j: nobody is asked', async (flags, env) => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal([...args, ...flags], { env });
    expect(exitCode).toBe(30);
    expect(screen).toMatch(/potctl thing drop app .*--confirm app/);
    expect(existsSync(mark)).toBe(false);
  });
});

describe('a terminal', () => {
  test('gets tables that fit: columns are dropped, then cut; ids never', async () => {
    const { screen } = await terminal(['thing', 'list', '--rows', '3'], { columns: 40 });
    const lines = screen.replaceAll('\r', '').trimEnd().split('\n');
    expect(lines[0]).toBe('ID            LABEL');
    expect(lines.every((line) => line.length <= 40)).toBe(true);
    expect(lines[2]).toBe('thing-000001  a label of thing number 1…');
  });

  test('gets colours, unless NO_COLOR or TERM=dumb', async () => {
    const red = '\u001b[31m';
    expect((await terminal(['thing', 'show'])).screen).toContain(red);
    expect((await terminal(['thing', 'show'], { env: { NO_COLOR: '1' } })).screen).not.toContain('\u001b[');
    expect((await terminal(['thing', 'show'], { env: { TERM: 'dumb' } })).screen).not.toContain('\u001b[');
  });

  test('shows one line per finished phase, and the cursor is there again', async () => {
    const { exitCode, screen } = await terminal(['thing', 'work', '--for', '1s']);
    expect(exitCode).toBe(0);
    expect(screen).toContain('working');
    expect(screen).toContain('125.5 MiB stored, 63 tables, 4 812 331 rows');
    const [hidden, shown] = ['\u001b[?25l', '\u001b[?25h'].map((code) => screen.lastIndexOf(code));
    expect(shown).toBeGreaterThan(hidden!);
  });

  test('Ctrl-C while it works stops safely with 130', async () => {
    const { exitCode, screen } = await terminal(['thing', 'work', '--says'], { answers: [['working', '\u0003']] });
    expect(exitCode).toBe(130);
    expect(screen).toContain('Stopping safely');
    expect(screen).toContain('half is there.');
  });
});
