import { ERROR_CATALOG, type ErrorCode, type ExitCode } from './error-catalog.js';
import type { Advice } from './next.js';

/** What a failed command left behind: the first question of any operator. */
export type Changed = 'nothing' | 'scratch' | 'partial' | 'complete' | 'unknown';

/** The parts of an error besides its message; see {@link PotctlError}. */
export interface ErrorFacts {
  /** Why it failed: a sentence, or facts (printed as `key value`, and as an object with --json). */
  readonly why?: string | Readonly<Record<string, unknown>>;
  /** Default `nothing`. */
  readonly changed?: Changed;
  /** A sentence that completes `changed`, e.g. which backup is complete. */
  readonly changedDetail?: string;
  /** What to do next, commands or sentences, most likely first. Default: the remedy in the catalog. */
  readonly fix?: readonly Advice[];
  readonly cause?: unknown;
}

/**
 * An error whose message is written for the operator. Anything else that is thrown is a bug (exit 1).
 *
 * `message`: lower case, no full stop, the object in quotes. It never contains a password, a URL with credentials, a parameter value or row content.
 */
export class PotctlError extends Error {
  readonly why: ErrorFacts['why'];
  readonly changed: Changed;
  readonly changedDetail: string | undefined;
  readonly fix: readonly Advice[];

  constructor(
    readonly code: ErrorCode,
    message: string,
    facts: ErrorFacts = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'PotctlError';
    this.why = facts.why;
    this.changed = facts.changed ?? 'nothing';
    this.changedDetail = facts.changedDetail;
    this.fix = facts.fix ?? ERROR_CATALOG[code].remedy;
  }

  get exitCode(): ExitCode {
    return ERROR_CATALOG[this.code].exit;
  }

  /** Returns the same error with what was changed, for callers that know more than the place that threw it. */
  with(facts: Pick<ErrorFacts, 'changed' | 'changedDetail' | 'fix'>): PotctlError {
    const { why, changed, changedDetail, fix, cause } = this;
    return new PotctlError(this.code, this.message, {
      ...(why === undefined ? {} : { why }),
      changed,
      ...(changedDetail === undefined ? {} : { changedDetail }),
      fix,
      cause,
      ...facts,
    });
  }
}

/** Whether `error` is a Node system error with one of these codes (`ENOENT`, `ENOSPC`, …). */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/**
 * Turns a file system error into a PotctlError; returns anything else unchanged.
 *
 * EACCES, EPERM → E_FILES_DENIED; EROFS → E_FILES_DENIED; ENOSPC, EDQUOT → E_NO_SPACE; other errno → E_IO.
 */
export function fromErrno(error: unknown, action: string): unknown {
  if (error instanceof PotctlError || !(error instanceof Error) || !('errno' in error)) return error;
  const code: ErrorCode = isErrno(error, 'EACCES', 'EPERM', 'EROFS')
    ? 'E_FILES_DENIED'
    : isErrno(error, 'ENOSPC', 'EDQUOT')
      ? 'E_NO_SPACE'
      : 'E_IO';
  return new PotctlError(code, `cannot ${action}`, {
    why: error.message,
    cause: error,
    ...(isErrno(error, 'EROFS')
      ? { fix: ['The file system is mounted read-only: remount it, or choose another location.'] }
      : {}),
  });
}
