import { isErrno, PotctlError } from '../kernel/errors.js';
import type { Advice } from '../kernel/next.js';

/** Did the machine, or the place behind a network, refuse it to this user? A file system that is read-only does not count. */
export const isDenied = (error: unknown): boolean =>
  isErrno(error, 'EACCES', 'EPERM') || (error instanceof PotctlError && error.code === 'E_FILES_DENIED');

/** Is there no space left? */
export const isFull = (error: unknown): boolean =>
  isErrno(error, 'ENOSPC', 'EDQUOT') || (error instanceof PotctlError && error.code === 'E_NO_SPACE');

/** Is it a failure of the place, not a bug? */
export const isFailure = (error: unknown): boolean =>
  error instanceof PotctlError
    ? ['E_FILES_DENIED', 'E_NO_SPACE', 'E_IO'].includes(error.code)
    : error instanceof Error && 'errno' in error;

/** E_REPOSITORY_FORMAT: what is at this place, or is not, forbids to store anything there. */
export function unusable(location: string, why: string, fix?: readonly Advice[]): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${location}' cannot be used as a repository`, {
    why,
    ...(fix === undefined ? {} : { fix }),
  });
}
