import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

export const POTCTL = fileURLToPath(new URL('../../bin/potctl.js', import.meta.url));

export interface Ran {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Added to a clean environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Another user and group to run as; only root can. */
  readonly user?: number;
  /** Default 60,000; then SIGKILL. */
  readonly timeoutMs?: number;
}

/** A `potctl` that is running. */
export interface Running {
  readonly child: ChildProcess;
  /** Never rejects. */
  readonly ended: Promise<Ran>;
  /** Resolves when stdout or stderr contain the text; rejects if the program ends without it. */
  printed(text: string): Promise<void>;
}

/**
 * Runs the built binary as a process of its own: clean environment (PATH with the cluster's tools, the cluster's PG*, an empty HOME,
 * UTC), no terminal. Never rejects: what happened is in the result.
 */
export function potctl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return startPotctl(args, options).ended;
}

/** The same, for tests that meet it while it works: signals, kills, two at once. */
export function startPotctl(args: readonly string[], options: RunOptions = {}): Running {
  const program = options.user === undefined ? POTCTL : inject('installed');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd ?? '/',
    env: cleanEnvironment({ ...stateOf(options.user), ...options.env }),
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
  });
  child.stdin.on('error', () => {}).end(options.stdin ?? '');
  const output = { stdout: '', stderr: '' };
  const grown = new EventEmitter();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      grown.emit('more');
    });
  }
  let closed = false;
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      closed = true;
      resolve({ exitCode, signal, ...output });
      grown.emit('more');
    });
  });
  const printed = async (text: string): Promise<void> => {
    const isThere = () => output.stdout.includes(text) || output.stderr.includes(text);
    while (!isThere() && !closed) await once(grown, 'more');
    if (!isThere()) throw new Error(`it ended without printing '${text}':\n${output.stderr.slice(-1_000)}`);
  };
  return { child, ended, printed };
}

/** Each user keeps what belongs to no repository in a place of his own. */
const stateOf = (user: number | undefined): Record<string, string> =>
  user === undefined ? {} : { XDG_STATE_HOME: `${inject('state')}/${user}` };

/** What `potctl` gets: nothing of the machine's own PG*, POTCTL_*, XDG_* or locale. */
export function cleanEnvironment(extra: RunOptions['env'] = {}): Record<string, string> {
  const { host, port, user, binaries } = inject('postgres');
  const environment = {
    PATH: `${binaries}:${process.env['PATH'] ?? ''}`,
    HOME: '/nonexistent',
    XDG_STATE_HOME: inject('state'),
    TMPDIR: os.tmpdir(),
    TZ: 'UTC',
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    ...extra,
  };
  return Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
