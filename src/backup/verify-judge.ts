import { ToolCrash } from '../kernel/child.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { VerifyCheck } from './verify.js';

/** What a check found. */
export type Finding = Pick<VerifyCheck, 'state' | 'detail'>;

/** Damaged, or an imported dump that psql cannot run, or must not. */
const CANNOT_BE_RESTORED: readonly string[] = ['E_BACKUP_CORRUPT', 'E_UNFIT', 'E_REFUSED'];

/**
 * Makes one check. Only proof of damage fails it: a program that was killed or is missing, a disk that cannot be read, memory or room that
 * ran out say nothing about the backup, so the check is unknown.
 *
 * @throws the signal's reason when aborted: the check was not made
 */
export async function judge(
  { part, check, signal }: Pick<VerifyCheck, 'part' | 'check'> & { readonly signal: AbortSignal },
  look: () => Promise<Finding>,
): Promise<VerifyCheck> {
  try {
    return { part, check, ...(await look()) };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = fromErrno(thrown, 'read the backup');
    if (!(error instanceof PotctlError)) throw error;
    const detail = [error.message, ...(error.why === undefined ? [] : [textOf(error.why)])].join(': ');
    if (CANNOT_BE_RESTORED.includes(error.code) && !(error instanceof ToolCrash))
      return { part, check, state: 'fail', detail };
    return { part, check, state: 'unknown', detail: `could not check: ${detail}` };
  }
}

const textOf = (why: NonNullable<PotctlError['why']>): string =>
  typeof why === 'string'
    ? why
    : Object.entries(why)
        .map(([key, value]) => `${key} ${String(value)}`)
        .join(', ');
