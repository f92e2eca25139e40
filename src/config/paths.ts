import path from 'node:path';
import { PotctlError } from '../kernel/errors.js';

/** Expands `~` and `~/…` to the home directory; returns anything else unchanged. */
export function withHome(file: string, homeDirectory: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(homeDirectory, file.slice(1)) : file;
}

/** The absolute form of a typed path. */
export function absolutePath(file: string, place: Here & { readonly homeDirectory: string }): string {
  return fromHere(withHome(file, place.homeDirectory), place);
}

interface Here {
  /** Absolute; empty = unknown. */
  readonly cwd: string;
}

/**
 * The absolute form of a path. The current directory is read only if the path is relative: it may have been deleted.
 *
 * @throws E_USAGE for a relative path if the current directory is unknown
 */
export function fromHere(file: string, place: Here): string {
  if (path.isAbsolute(file)) return path.resolve(file);
  const { cwd } = place;
  if (cwd !== '') return path.resolve(cwd, file);
  throw new PotctlError('E_USAGE', `'${file}' is a relative path, and the current directory is unknown`, {
    fix: ['Use an absolute path, or open potctl with `cwd`.'],
  });
}
