import os from 'node:os';
import path from 'node:path';
import { succeeded, type Timed, timed, timedShell } from '../measure.js';
import type { BenchServer } from '../server.js';

export const DATABASE = 'app';

/** Where a bench works, and what it remembers of potctl's own processes. */
export interface Bench {
  readonly server: BenchServer;
  /** Scratch for dumps and archives of the peers. */
  readonly folder: string;
  readonly tree: string;
  readonly repository: string;
  readonly jobs: number;
  readonly rounds: number;
  readonly small: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** Peak resident memory of potctl's own process, by command; bytes. */
  readonly peaks: Map<string, number>;
}

/** Runs the built potctl; anything but exit 0 ends the bench. */
export async function potctl(bench: Bench, args: readonly string[], watch?: (pid: number) => void): Promise<Timed> {
  const command = args.slice(0, 2).join(' ');
  const options = { env: bench.environment, cwd: bench.folder, ...(watch ? { watch } : {}) };
  const result = await timed(process.execPath, [path.resolve('bin/potctl.js'), ...args], options);
  succeeded(result, `potctl ${args.join(' ')}`);
  bench.peaks.set(command, Math.max(bench.peaks.get(command) ?? 0, result.peakBytes));
  return result;
}

export const shell = (bench: Bench, line: string): Promise<Timed> => timedShell(line, bench.environment);

/** Nobody pays for another one's dirty pages. */
export const settle = (bench: Bench): Promise<Timed> => shell(bench, 'sync');

export function machine(): string {
  const [cpu] = os.cpus();
  return `${os.cpus().length} × ${cpu?.model.trim()}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, ${os.type()} ${os.release()}, Node ${process.version}`;
}
