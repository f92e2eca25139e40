import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { cleanEnvironment, POTCTL } from '../support/run-cli.js';

/** The exit code and error of a command whose result could not be written. */
export interface FullRun {
  readonly exitCode: number | null;
  // biome-ignore lint/suspicious/noExplicitAny: the error of --json
  readonly error: any;
}

/** Runs `potctl … --json` with its stdout on a full disk. */
export function potctlToFullDisk(args: readonly string[], env: Record<string, string>, stdin = ''): Promise<FullRun> {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [POTCTL, ...args, '--json'], {
    env: cleanEnvironment(env),
    stdio: ['pipe', full, 'pipe'],
  });
  closeSync(full);
  child.stdin!.end(stdin);
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (exitCode) => {
      const last = stderr.trimEnd().split('\n').at(-1) ?? '';
      resolve({ exitCode, error: last.startsWith('{') ? JSON.parse(last).error : stderr });
    });
  });
}
