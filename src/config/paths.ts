import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';

/** `~` and `~/…` below the home directory; anything else as it is. */
export function withHome(file: string, homeDirectory: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(homeDirectory, file.slice(1)) : file;
}

/** Absolute form of a path that a person typed. */
export function absolutePath(file: string, place: Here & { readonly homeDirectory: string }): string {
  return fromHere(withHome(file, place.homeDirectory), place);
}

interface Here {
  /** Absolute; empty = nobody said which. */
  readonly cwd: string;
}

/**
 * Absolute form of a path. The current directory is asked for only where the path is relative: it may have been deleted.
 *
 * @throws E_USAGE for a relative path where no directory is known
 */
export function fromHere(file: string, place: Here): string {
  if (path.isAbsolute(file)) return path.resolve(file);
  const { cwd } = place;
  if (cwd !== '') return path.resolve(cwd, file);
  throw new PotctlError('E_USAGE', `'${file}' is a relative path, and no current directory is known`, {
    fix: ['Give it as an absolute path, or open potctl with `cwd`.'],
  });
}
