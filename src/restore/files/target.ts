import { type BigIntStats, constants, statSync } from 'node:fs';
import { access, mkdir, realpath, rmdir, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { fromErrno, isErrno, PotctlError } from '../../kernel/errors.js';
import { repositoryAround } from '../../storage/marker.js';
import { overlapOf } from '../../storage/place.js';

/** The directory into which files are restored. */
export interface Target {
  /** Its real path, or its future one. */
  readonly directory: string;
  readonly exists: boolean;
  /** The repository's folder; null if it is not a folder or cannot be read. */
  readonly repository: BigIntStats | null;
}

/**
 * Inspects the directory into which files are to be restored. Changes nothing.
 *
 * @param needed bytes
 * @throws E_REFUSED (inside a repository, this one or another), E_FILES_MISSING (not a directory), E_FILES_DENIED, E_NO_SPACE
 */
export async function judgeTarget(to: string, repositoryUrl: string, needed: number): Promise<Target> {
  const nearest = await nearestFolder(to);
  const directory = path.join(await realpath(nearest), path.relative(nearest, to));
  const facts = await stat(to).catch(() => null);
  if (facts !== null && !facts.isDirectory()) {
    throw new PotctlError('E_FILES_MISSING', `"${to}" is not a directory`, { fix: ['Choose a directory with --to.'] });
  }
  const repository = await realpath(repositoryUrl).catch(() => null);
  const isOwn = repository !== null && overlapOf(directory, repository) === 'first';
  const other = isOwn ? null : repositoryAround(directory);
  if (isOwn || other !== null) {
    const which = other === null ? 'the repository' : `the backup repository "${other}"`;
    throw new PotctlError('E_REFUSED', `"${to}" is inside ${which}`, {
      why: 'the restored files would end up among the backups',
      fix: ['Choose another directory with --to.'],
    });
  }
  await refuseUnwritable(nearest);
  const { bavail, bsize } = await statfs(nearest);
  if (bavail * bsize < needed) {
    throw new PotctlError('E_NO_SPACE', `there is not enough free space in "${nearest}"`, {
      why: { free_bytes: bavail * bsize, needed_bytes: needed },
      fix: ['Free some space there, restore less with --path, or choose another directory with --to.'],
    });
  }
  return { directory, exists: facts !== null, repository: repository === null ? null : statOf(repository) };
}

/**
 * Creates the directory and its parents if missing.
 *
 * @returns removes again what was created and is still empty
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
    throw fromErrno(error, `create the directory "${directory}"`);
  }
}

async function refuseUnwritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fromErrno(error, `write into "${folder}"`);
  }
}

/** The folder itself, or its nearest existing parent. */
async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || folder === path.dirname(folder)) throw fromErrno(error, `read "${folder}"`);
    return nearestFolder(path.dirname(folder));
  }
}

function statOf(folder: string): BigIntStats | null {
  return statSync(folder, { bigint: true, throwIfNoEntry: false }) ?? null;
}
