import { type ChildProcess, spawn } from 'node:child_process';
import { succeeded, type Timed, timed } from '../measure.js';
import type { Operation } from './points.js';
import { DATABASE, type SampleApplication } from './sample-application.js';

/** No command of a tiny database may take longer, whatever was killed before. */
export const LIMIT_MS = 60_000;

/** The built potctl, working on the sample application. */
export interface Potctl {
  /** Runs a whole command line to its end. */
  run(args: readonly string[]): Promise<Timed>;
  perform(operation: Operation): Promise<Timed>;
  start(operation: Operation): ChildProcess;
  /** Brings the sample application to where the operation begins. */
  prepare(operation: Operation): Promise<void>;
}

export function potctlFor(sample: SampleApplication, binary: string): Potctl {
  const options = { env: sample.environment, cwd: sample.folder };
  const run = (args: readonly string[]): Promise<Timed> =>
    timed(process.execPath, [binary, ...args], { ...options, timeout: LIMIT_MS, killSignal: 'SIGKILL' });
  const perform = (operation: Operation): Promise<Timed> => run(argsOf(sample, operation));
  return {
    run,
    perform,
    start: (operation) =>
      spawn(process.execPath, [binary, ...argsOf(sample, operation)], { ...options, stdio: 'ignore' }),
    async prepare(operation) {
      await sample.reset();
      if (operation === 'undo') succeeded(await perform('restore'), 'restore run before the undo');
    },
  };
}

function argsOf({ tree, repository }: SampleApplication, operation: Operation): string[] {
  const where = ['--files', tree, '--repository', repository];
  if (operation === 'create') return ['backup', 'create', ...where];
  if (operation === 'restore') return ['restore', 'run', 'latest', ...where, '--confirm', DATABASE];
  return ['restore', 'undo', ...where, '--confirm', DATABASE];
}
