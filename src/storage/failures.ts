import { isErrno, PotctlError } from '../kernel/errors.js';
import type { Advice } from '../kernel/next.js';

/** Returns whether access was denied to this user. A read-only file system does not count. */
export const isDenied = (error: unknown): boolean =>
  isErrno(error, 'EACCES', 'EPERM') || (error instanceof PotctlError && error.code === 'E_FILES_DENIED');

/** Returns whether the disk is full. */
export const isFull = (error: unknown): boolean =>
  isErrno(error, 'ENOSPC', 'EDQUOT') || (error instanceof PotctlError && error.code === 'E_NO_SPACE');

/** Returns whether it is a failure of the storage, not a bug. */
export const isFailure = (error: unknown): boolean =>
  error instanceof PotctlError
    ? ['E_FILES_DENIED', 'E_NO_SPACE', 'E_IO'].includes(error.code)
    : error instanceof Error && 'errno' in error;

/** Returns E_REPOSITORY_FORMAT: the place cannot be used because of what it contains, or lacks. */
export function unusable(location: string, why: string, fix?: readonly Advice[]): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${location}' cannot be used as a repository`, {
    why,
    ...(fix === undefined ? {} : { fix }),
  });
}
