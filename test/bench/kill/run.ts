import { type ChildProcess, spawn } from 'node:child_process';
import { succeeded, type Timed, timed } from '../measure.js';
import type { Operation } from './points.js';
import { DATABASE, type Site } from './site.js';

/** No command of a tiny database may take longer, whatever was killed before. */
export const LIMIT_MS = 60_000;

/** The built potctl at a site. */
export interface Potctl {
  /** Runs a whole command line to its end. */
  run(args: readonly string[]): Promise<Timed>;
  perform(operation: Operation): Promise<Timed>;
  start(operation: Operation): ChildProcess;
  /** Brings the site to where the operation begins. */
  prepare(operation: Operation): Promise<void>;
}

export function potctlAt(site: Site, binary: string): Potctl {
  const options = { env: site.environment, cwd: site.folder };
  const run = (args: readonly string[]): Promise<Timed> =>
    timed(process.execPath, [binary, ...args], { ...options, timeout: LIMIT_MS, killSignal: 'SIGKILL' });
  const perform = (operation: Operation): Promise<Timed> => run(argsOf(site, operation));
  return {
    run,
    perform,
    start: (operation) =>
      spawn(process.execPath, [binary, ...argsOf(site, operation)], { ...options, stdio: 'ignore' }),
    async prepare(operation) {
      await site.reset();
      if (operation === 'undo') succeeded(await perform('restore'), 'restore run before the undo');
    },
  };
}

function argsOf({ tree, repository }: Site, operation: Operation): string[] {
  const where = ['--files', tree, '--repository', repository];
  if (operation === 'create') return ['backup', 'create', ...where];
  if (operation === 'restore') return ['restore', 'run', 'latest', ...where, '--confirm', DATABASE];
  return ['restore', 'undo', ...where, '--confirm', DATABASE];
}
