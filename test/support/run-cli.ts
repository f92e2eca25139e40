import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
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
  /** Default 60,000; then SIGKILL. */
  readonly timeoutMs?: number;
}

/**
 * Runs the built binary as a process of its own: clean environment (PATH with the cluster's tools, the cluster's PG*, an empty HOME,
 * UTC), no terminal. Never rejects: what happened is in the result.
 */
export async function potctl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [POTCTL, ...args], {
    cwd: options.cwd ?? '/',
    env: cleanEnvironment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}).end(options.stdin ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on('close', (exitCode, signal) => resolve([exitCode, signal]));
  });
  const [stdout, stderr, [exitCode, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  return { exitCode, signal, stdout, stderr };
}

/** What `potctl` gets: nothing of the machine's own PG*, POTCTL_*, XDG_* or locale. */
export function cleanEnvironment(extra: RunOptions['env'] = {}): Record<string, string> {
  const { host, port, user, binaries } = inject('postgres');
  const environment = {
    PATH: `${binaries}:${process.env['PATH'] ?? ''}`,
    HOME: '/nonexistent',
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
