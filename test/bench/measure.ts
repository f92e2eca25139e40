import { type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

export interface Timed {
  readonly exitCode: number | null;
  readonly wallMs: number;
  /** Peak resident memory of the process itself, without its children; bytes. 0 where /proc does not tell. */
  readonly peakBytes: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and measures it from outside. */
export async function timed(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { readonly watch?: (pid: number) => void } = {},
): Promise<Timed> {
  const begun = performance.now();
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let peakBytes = 0;
  const sampling = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid ?? 0));
    options.watch?.(child.pid ?? 0);
  }, 20);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code));
  });
  const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout!), text(child.stderr!)]);
  clearInterval(sampling);
  return { exitCode, wallMs: performance.now() - begun, peakBytes, stdout, stderr };
}

/** The same for a shell line; a failure is an error, since a ratio against it would mean nothing. */
export async function timedShell(line: string, env: NodeJS.ProcessEnv): Promise<Timed> {
  return succeeded(await timed('bash', ['-o', 'pipefail', '-c', line], { env }), line);
}

export function succeeded(result: Timed, what: string): Timed {
  if (result.exitCode === 0) return result;
  throw new Error(`${what} ended with ${result.exitCode}\n${result.stderr.slice(-2_000)}`);
}

/** Pids of the processes below `pid` whose program has one of the names; nearest first. */
export function descendants(pid: number, names: readonly string[]): number[] {
  const below: number[] = [];
  const parents = parentTable();
  const queue = [pid];
  for (const parent of queue) {
    for (const [child, { parent: of, name }] of parents) {
      if (of !== parent || queue.includes(child)) continue;
      queue.push(child);
      if (names.includes(name)) below.push(child);
    }
  }
  return below;
}

/** @see proc(5), /proc/pid/stat: the name stands in parentheses and may hold anything */
function parentTable(): Map<number, { readonly parent: number; readonly name: string }> {
  const table = new Map<number, { parent: number; name: string }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const close = stat.lastIndexOf(')');
      const name = stat.slice(stat.indexOf('(') + 1, close);
      table.set(Number(entry), { parent: Number(stat.slice(close + 2).split(' ')[1]), name });
    } catch {
      // It ended between the listing and the look.
    }
  }
  return table;
}

function peakOf(pid: number): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** Fixed seed: the same numbers in [0, 1) in every run. @see Marsaglia 2003, xorshift32 */
export function* sequence(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield (state >>> 0) / 2 ** 32;
  }
}

/** `--name value` or `--name` among the arguments of a bench. */
export function flag(args: readonly string[], name: string): string | undefined {
  const index = args.indexOf(`--${name}`);
  return index < 0 ? undefined : (args[index + 1] ?? '');
}
