import { expect } from 'vitest';
import type { Ran } from './run-cli.js';

/** What the error object on stderr said; the command must have been run with --json. */
export interface Refusal {
  readonly code: string;
  readonly exit: number;
  readonly changed: string;
  readonly message: string;
  readonly why: unknown;
  readonly fix: readonly string[];
}

/**
 * The error of a command that must have been refused: nothing on stdout, one object as the last line of stderr that agrees with the exit code,
 * says that nothing was changed, and what to do.
 */
export function refusalOf(ran: Ran): Refusal {
  expect(ran.stdout).toBe('');
  const refusal = JSON.parse(ran.stderr.trim().split('\n').at(-1) ?? '').error as Refusal;
  expect(refusal).toMatchObject({ exit: ran.exitCode, changed: 'nothing', message: expect.stringMatching(/./) });
  expect(refusal.fix.join()).not.toBe('');
  return refusal;
}
