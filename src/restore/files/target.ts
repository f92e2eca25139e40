import { type BigIntStats, constants, statSync } from 'node:fs';
import { access, mkdir, realpath, rmdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { repositoryAround } from '../../storage/marker.js';
import { overlapOf } from '../../storage/place.js';

/** The directory that files come into. */
export interface Target {
  /** Its real path, or what it will be. */
  readonly directory: string;
  readonly exists: boolean;
  /** The repository's folder; null where it is none or cannot be seen. */
  readonly repository: BigIntStats | null;
}

/**
 * Looks at the directory that files are to come into. Changes nothing.
 *
 * @param needed bytes
 * @throws E_REFUSED (inside a repository, this one or another), E_FILES_MISSING (no directory), E_FILES_DENIED, E_NO_SPACE
 */
export async function judgeTarget(to: string, repositoryUrl: string, needed: number): Promise<Target> {
  const nearest = await nearestFolder(to);
  const directory = path.join(await realpath(nearest), path.relative(nearest, to));
  const facts = await stat(to).catch(() => null);
  if (facts !== null && !facts.isDirectory()) {
    throw new PotctlError('E_FILES_MISSING', `"${to}" is not a directory`, { fix: ['Name a directory with --to.'] });
  }
  const repository = await realpath(repositoryUrl).catch(() => null);
  const isOwn = repository !== null && overlapOf(directory, repository) === 'first';
  const other = isOwn ? null : repositoryAround(directory);
  if (isOwn || other !== null) {
    const which = other === null ? 'the repository' : `the backup repository "${other}"`;
    throw new PotctlError('E_REFUSED', `"${to}" lies inside ${which}`, {
      why: 'what is restored there would lie among the backups',
      fix: ['Name another directory with --to.'],
    });
  }
  await refuseUnwritable(nearest);
  const { bavail, bsize } = await statfs(nearest);
  if (bavail * bsize < needed) {
    throw new PotctlError('E_NO_SPACE', `there is not enough free space in "${nearest}"`, {
      why: { free_bytes: bavail * bsize, needed_bytes: needed },
      fix: ['Free some space there, name less with --path, or another directory with --to.'],
    });
  }
  return { directory, exists: facts !== null, repository: repository === null ? null : statOf(repository) };
}

/**
 * Makes the directory with those above it, where it is missing.
 *
 * @returns takes away again what was made and is still empty
 */
export async function makeTarget({ directory, exists }: Target): Promise<() => Promise<void>> {
  if (exists) return async () => {};
  try {
    const first = await mkdir(directory, { recursive: true });
    return async () => {
      for (let made = directory; first !== undefined && made.startsWith(first); made = path.dirname(made)) {
        await rmdir(made).catch(() => {});
      }
    };
  } catch (error) {
    throw fromErrno(error, `make the directory "${directory}"`);
  }
}

async function refuseUnwritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fromErrno(error, `write into "${folder}"`);
  }
}

/** The folder itself, or the nearest one above that exists. */
async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || folder === path.dirname(folder)) throw fromErrno(error, `look at "${folder}"`);
    return nearestFolder(path.dirname(folder));
  }
}

function statOf(folder: string): BigIntStats | null {
  return statSync(folder, { bigint: true, throwIfNoEntry: false }) ?? null;
}
