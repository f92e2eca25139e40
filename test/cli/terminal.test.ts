import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildSampleCli, type SampleCli } from './sample-cli.js';

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
  /** Stops the terminal (Ctrl-S) when the text stands on it; it goes on (Ctrl-Q) when `stopped` is over. */
  readonly stopAt?: string;
  stopped?(pid: number): Promise<void>;
  /** Typed when the text stands on the screen, one after the other; '' only waits for the text. */
  readonly answers?: readonly (readonly [on: string, typed: string])[];
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** A line of bash around it, in which `$potctl` is the program. */
  readonly line?: string;
}

/** Runs the program in a real terminal. */
function terminal(args: readonly string[], options: TerminalOptions = {}): Promise<TerminalRun> {
  const { answers = [], columns = 100, env = {}, line, stopAt, stopped } = options;
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
  let isStopped = false;
  let waiting: Promise<void> | undefined;
  pty.onData((data) => {
    screen += data;
    if (!isStopped && stopAt !== undefined && screen.includes(stopAt)) {
      isStopped = true;
      pty.write('\u0013');
      waiting = stopped?.(pty.pid).finally(() => pty.write('\u0011'));
    }
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
      void Promise.resolve(waiting).then(() => resolve({ exitCode, screen }));
    });
  });
}

const question = "Type 'app' to continue";
let number = 0;
function dropArgs(): { readonly mark: string; readonly args: string[] } {
  number += 1;
  const mark = path.join(cli.folder, `mark-${number}`);
  return { mark, args: ['thing', 'drop', 'app', '--mark', mark] };
}

describe('what cannot be undone requires typing its name', () => {
  test('the plan is shown before the question, and the right name starts the work', async () => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal(args, { answers: [[question, 'app\r']] });
    expect(exitCode).toBe(0);
    expect(screen.indexOf('PLAN: app will be destroyed')).toBeLessThan(screen.indexOf(question));
    expect(screen).toContain('dropped app');
    expect(readFileSync(mark, 'utf8')).toBe('app');
  });

  test('three wrong names exit 31 and change nothing; the case of letters counts', async () => {
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
    expect(screen).toContain('E_CANCELED');
    expect(screen).toContain('the name was not typed correctly in 3 tries');
    expect(screen).toContain('type app exactly');
    expect(screen).not.toContain('✔');
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

  test('answers are never read from redirected input, even with a terminal', async () => {
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
  ])('%j %j: no question is asked', async (flags, env) => {
    const { mark, args } = dropArgs();
    const { exitCode, screen } = await terminal([...args, ...flags], { env });
    expect(exitCode).toBe(30);
    expect(screen).toMatch(/potctl thing drop app .*--confirm app/);
    expect(existsSync(mark)).toBe(false);
  });
});

describe('hidden input', () => {
  const word = 'canary';
  const control = Array.from({ length: 26 }, (_, at) => String.fromCharCode(at + 1)).filter(
    // Enter, Ctrl-C, Ctrl-D and Ctrl-Z end or leave the question; Ctrl-S and Ctrl-Q are the terminal's.
    (key) => !'\r\n\u0003\u0004\u001a\u0011\u0013'.includes(key),
  );
  const escaped = ['[A', '[B', '[C', '[D', '[H', '[F', '[3~', '[5~', 'OP', '[15~', '[24~', '[1;5D', 't', 'v', 'b'];
  const keys = [...control, ...escaped.map((rest) => `\u001b${rest}`), '\u001c', '\u001d', '\u001e', '\u001f'];

  test('stays hidden whatever key is pressed', async () => {
    const typed = keys.map((key) => `${word}${key}`).join('');
    const { exitCode, screen } = await terminal(['thing', 'unlock'], {
      answers: [
        ['Secret word', `${word}\u0014`],
        ['', `${typed}\r`],
      ],
    });
    expect(exitCode).toBe(0);
    expect(screen).toMatch(/heard \d+ letters/);
    for (const part of [word, word.slice(0, 4), word.slice(2)]) expect(screen).not.toContain(part);
  });
});

describe('a terminal', () => {
  test('gets tables that fit: columns are truncated, then dropped; ids are kept whole', async () => {
    const { screen } = await terminal(['thing', 'list', '--rows', '3'], { columns: 34 });
    expect(screen.split('\r\n')[0]).toBe('\u001b[2mID\u001b[22m            \u001b[2mLABEL\u001b[22m');
    const lines = screen
      .replace(/\r|\u001b\[\d+m/g, '')
      .trimEnd()
      .split('\n');
    expect(lines[0]).toBe('ID            LABEL');
    expect(lines.every((line) => line.length <= 34)).toBe(true);
    expect(lines[2]).toBe('thing-000001  a label of thing nu…');
  });

  test('gets colors, unless NO_COLOR or TERM=dumb', async () => {
    const red = '\u001b[31m';
    expect((await terminal(['thing', 'show'])).screen).toContain(red);
    expect((await terminal(['thing', 'show'], { env: { NO_COLOR: '1' } })).screen).not.toContain('\u001b[');
    expect((await terminal(['thing', 'show'], { env: { TERM: 'dumb' } })).screen).not.toContain('\u001b[');
  });

  test('shows one line per finished phase, and the cursor is never hidden', async () => {
    const { exitCode, screen } = await terminal(['thing', 'work', '--for', '1s']);
    expect(exitCode).toBe(0);
    expect(screen).toContain('working');
    expect(screen).toContain('125.5 MiB stored, 63 tables, 4,812,331 rows');
    expect(screen).not.toContain('\u001b[?25l');
  });

  test('Ctrl-C during the work stops safely with 130', async () => {
    const { exitCode, screen } = await terminal(['thing', 'work', '--says'], { answers: [['working', '\u0003']] });
    expect(exitCode).toBe(130);
    expect(screen).toContain('Stopping safely');
    expect(screen).toContain('half is there.');
  });
});

describe('work goes on, whatever the terminal does', () => {
  test.each([0, 1, 5])('a terminal that reports %i columns and no rows counts as 80 × 24', async (columns) => {
    const line = `stty cols ${columns} rows 0; $potctl thing work --for 1s; echo "status $?"`;
    const { screen } = await terminal([], { line });
    expect(screen).toContain('status 0');
    expect(screen).toContain('125.5 MiB stored, 63 tables, 4,812,331 rows');
    expect(screen.length).toBeLessThan(2_000);
  });

  test.each([
    ['Ctrl-C', 130, '\u0003'],
    ['SIGTERM', 143, null],
  ])('%s ends it there, too', async (_name, status, typed) => {
    const { mark, args } = workArgs('30s');
    const line = `stty cols 0 rows 0; $potctl ${args.join(' ')} ${typed === null ? '& sleep 1; kill %1; wait %1' : ''}; echo "status $?"`;
    const { screen } = await terminal([], { line, answers: typed === null ? [] : [['working', typed]] });
    expect(screen).toContain(`status ${status}`);
    expect(existsSync(mark)).toBe(false);
  });

  test('a terminal stopped with Ctrl-S does not stop the work', async () => {
    const { mark, args } = workArgs('1s');
    let isDone = false;
    const { exitCode } = await terminal(args, {
      stopAt: 'working',
      async stopped() {
        isDone = await eventually(() => existsSync(mark));
      },
    });
    expect(isDone).toBe(true);
    expect(exitCode).toBe(0);
  });

  test('a signal ends the work while the terminal is stopped', async () => {
    const { mark, args } = workArgs('30s');
    let hasEnded = false;
    const { exitCode } = await terminal(args, {
      stopAt: 'working',
      async stopped(pid) {
        await sleep(500);
        process.kill(pid, 'SIGTERM');
        hasEnded = await eventually(() => !isRunning(pid));
      },
    });
    expect(hasEnded).toBe(true);
    expect(exitCode).toBe(143);
    expect(existsSync(mark)).toBe(false);
  });
});

function workArgs(time: string): { readonly mark: string; readonly args: string[] } {
  number += 1;
  const mark = path.join(cli.folder, `worked-${number}`);
  return { mark, args: ['thing', 'work', '--for', time, '--mark', mark] };
}

async function eventually(isSo: () => boolean): Promise<boolean> {
  for (let left = 100; left > 0 && !isSo(); left -= 1) await sleep(100);
  return isSo();
}

function isRunning(pid: number): boolean {
  return !/^State:\t[ZX]/m.test(statusOf(pid));
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State:\tX';
  }
}
