import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../kernel/short-lived.js';
import { temporaryFolder } from './temporary-folder.js';

const SHOWN_LINES = 10;

interface HookOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Runs a shell command of the profile, such as `systemctl stop api`, and waits for its end.
 *
 * Its output goes to a file instead of a pipe: a background program that it leaves would keep a pipe open forever.
 *
 * @param name for messages, `stop_writers` or `start_writers`
 * @throws E_TOOL_FAILED with the last lines of its output
 */
export async function runHook(name: string, line: string, { environment, signal }: HookOptions): Promise<void> {
  // A full disk must not keep the writers stopped: without a file for its output, the hook runs anyway.
  const folder = await makeShortLivedFolder(temporaryFolder(environment), 'hook').catch(() => null);
  const output = folder === null ? '/dev/null' : path.join(folder, 'output');
  try {
    const child = startChild('/bin/sh', ['-c', 'exec >"$0" 2>&1; eval "$1"', output, line], {
      environment,
      stdout: 'ignore',
      ...(signal === undefined ? {} : { signal }),
    });
    const { ok, exitCode, startError } = await child.ended;
    signal?.throwIfAborted();
    if (!ok) throw await hookFailed(name, line, startError ?? `exit code ${exitCode}`, output);
  } finally {
    if (folder !== null) await removeShortLivedFolder(folder);
  }
}

async function hookFailed(name: string, line: string, reason: string, output: string): Promise<PotctlError> {
  const text = await readFile(output, 'utf8').catch(() => '');
  const tail = text.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  return new PotctlError('E_TOOL_FAILED', `the hook ${name} failed: ${reason}`, {
    why: tail === '' ? `\`${line}\` printed nothing` : tail,
    fix: [`Fix the command, then retry: \`${line}\``],
  });
}
