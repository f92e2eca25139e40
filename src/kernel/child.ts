import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { PotctlError } from './errors.js';

/** A running child process. */
export interface Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the program has ended and its stderr has been read; never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly pid: number | undefined;
  /** Default SIGKILL. */
  kill(signal?: NodeJS.Signals): void;
}

/** How a program ended. `ok` means exit code 0 and nothing else. */
export interface ChildEnd {
  readonly ok: boolean;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Whether our AbortSignal ended it. */
  readonly canceled: boolean;
  /** Why it could not be started (ENOENT, EACCES, E2BIG); null if it was. */
  readonly startError: string | null;
  /** The last 40 lines of stderr. */
  readonly stderrTail: readonly string[];
}

/** Messages of programs that ran out of a resource of the machine; the data that they were reading may be intact. */
const LACKS =
  /Permission denied|Operation not permitted|[Oo]ut of memory|[Nn]ot enough memory|too much memory|Cannot allocate memory|[Aa]llocation error|Too many open files|No space left|Disk quota exceeded|Input\/output error|Stale file handle|not connected|Read error(?! \(39\))|Broken pipe|[Ww]rite error/;

/** Exit codes that say nothing about the data: `env`, setpriv and shells could not start the program. */
const NOT_STARTED = [126, 127];

/**
 * Why the end of a program says nothing about the data that it read: it was killed (the kernel does so when memory runs out), was not
 * started, or ran out of a resource. null = the program did judge the data.
 */
export function whyNotDone({ startError, signal, canceled, exitCode, stderrTail }: ChildEnd): string | null {
  if (startError !== null) return startError;
  if (signal !== null) return `it was ended by ${signal}`;
  if (canceled) return 'it was canceled';
  const lack = stderrTail.find((line) => LACKS.test(line));
  if (lack !== undefined) return lack;
  return exitCode !== null && NOT_STARTED.includes(exitCode) ? (stderrTail.at(-1) ?? 'it could not be started') : null;
}

/** Signals of a program that crashes on its own or because of the bytes it reads, not because somebody kills it. */
const CRASHES = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGFPE', 'SIGILL'];

/** A program crashed while it read a file. If nobody has verified the file, it is damaged; if its checksum matches, the cause is unknown. */
export class ToolCrash extends PotctlError {
  override readonly name = 'ToolCrash';
}

/** Whether the program crashed. */
export const hasCrashed = ({ signal }: ChildEnd): boolean => signal !== null && CRASHES.includes(signal);

export interface ChildOptions {
  /** The whole environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  readonly onStderrLine?: (line: string) => void;
  /** Default `ignore`. A number is one of our file descriptors, which the program shares; the caller still closes it. */
  readonly stdin?: 'pipe' | 'ignore' | number;
  /** Default `pipe`: a caller that asks for it must read it. A number as for stdin. */
  readonly stdout?: 'pipe' | 'ignore' | number;
  /** Run as another user, without supplementary groups; requires root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The signal that the kernel sends to the child when this process dies; default KILL. */
  readonly whenWeDie?: 'KILL' | 'QUIT' | 'TERM';
  /** Run in its own session: Ctrl-C at the terminal reaches this process and not the program. */
  readonly ownSession?: boolean;
}

const TAIL_LINES = 40;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));

/**
 * Starts a program without a shell. If util-linux's setpriv is installed, the kernel ends the program when this process dies,
 * even by kill -9, so that no orphan goes on writing.
 *
 * Arguments never carry secrets: anybody on the machine can read them.
 */
export function startChild(file: string, args: readonly string[], options: ChildOptions): Child {
  const { environment, signal, cwd, onStderrLine, stdin = 'ignore', stdout = 'pipe' } = options;
  const [program, argv] = withPrivileges(file, args, options);
  const subprocess = execa(program, argv, {
    env: environment,
    extendEnv: false,
    reject: false,
    buffer: false,
    // execa takes any descriptor; its types name the first ten.
    stdin: stdin as 'pipe' | 'ignore' | 3,
    stdout: stdout as 'pipe' | 'ignore' | 3,
    stderr: 'pipe',
    forceKillAfterDelay: 5_000,
    cwd: cwd ?? here(),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    ...(options.ownSession ? { detached: true } : {}),
    ...(options.user && program === file ? options.user : {}),
  });
  const tail: string[] = [];
  const reading = readLines(subprocess.stderr as Readable | null, (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onStderrLine?.(line);
  });
  return {
    stdin: subprocess.stdin as unknown as Writable,
    stdout: subprocess.stdout as unknown as Readable,
    ended: endOf(subprocess, reading, tail),
    pid: subprocess.pid,
    kill: (signal = 'SIGKILL') => void subprocess.kill(signal),
  };
}

/**
 * A child cannot start in a deleted directory, or in one that this user may not enter: `sudo -u postgres potctl …` in root's home. All its
 * arguments are absolute paths.
 */
function here(): string {
  try {
    const directory = path.resolve();
    // The dot needs the right to enter; `access` would ask for the real user.
    statSync(`${directory}/.`);
    return directory;
  } catch {
    return '/';
  }
}

function withPrivileges(file: string, args: readonly string[], options: ChildOptions): [string, string[]] {
  if (!SETPRIV || process.platform !== 'linux') return [file, [...args]];
  const { user, whenWeDie = 'KILL' } = options;
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  return [SETPRIV, [...identity, '--pdeathsig', whenWeDie, '--', file, ...args]];
}

interface Settled {
  readonly exitCode?: number;
  readonly signal?: string;
  readonly isCanceled: boolean;
  readonly failed: boolean;
  readonly originalMessage?: string;
  readonly code?: string;
}

async function endOf(
  subprocess: PromiseLike<unknown>,
  reading: Promise<void>,
  tail: readonly string[],
): Promise<ChildEnd> {
  const result = (await subprocess) as Settled;
  await reading;
  return {
    ok: result.exitCode === 0 && !result.isCanceled,
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    canceled: result.isCanceled,
    startError:
      result.exitCode === undefined && result.signal === undefined
        ? (result.originalMessage ?? result.code ?? 'could not be started')
        : null,
    stderrTail: tail,
  };
}

async function readLines(stream: Readable | null, onLine: (line: string) => void): Promise<void> {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream) {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(-65_536);
      for (const line of lines) onLine(line);
    }
  } catch {
    // The program died and closed its pipe: its exit status shows why.
  }
  if (rest !== '') onLine(rest);
}
