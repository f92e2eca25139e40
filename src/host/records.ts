import { createHash } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { SettingsRequest } from '../config/request.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { makeFolders } from '../kernel/make-folders.js';
import type { Apart } from '../repository/records-apart.js';
import type { Repository } from '../repository/repository.js';

/** Where this user stores records that belong to no repository. */
interface At {
  readonly host: Pick<SettingsRequest, 'environment' | 'homeDirectory'>;
  /** Opens a repository in a directory, an absolute path. */
  readonly at: (name: string, folder: string) => Promise<Repository>;
}

/** The repository together with the restore records that this user had to store in the state directory. */
export async function withRecords(repository: Repository, at: At): Promise<Repository> {
  const { withRecordsApart } = await import('../repository/records-apart.js');
  return withRecordsApart(repository, await apartOf(repository, at), false);
}

/**
 * The repository for a restore. If it is read-only (a mounted snapshot, a rescue disk, somebody else's), the record is stored in the
 * state directory, where undo and recovery find it.
 *
 * @returns also where records are stored; null = in the repository itself
 * @throws E_FILES_DENIED if they can be stored nowhere; checked before any planning
 */
export async function forRestore(
  repository: Repository,
  at: At,
): Promise<{ readonly repository: Repository; readonly recordsIn: string | null }> {
  const { canRecord, withRecordsApart } = await import('../repository/records-apart.js');
  if (!(await repository.exists()) || (await canRecord(repository.url))) return { repository, recordsIn: null };
  const apart = await apartOf(repository, at);
  try {
    await makeFolders(path.dirname(apart.folder));
    await access(path.dirname(apart.folder), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw noPlace(repository, apart, error);
  }
  return { repository: withRecordsApart(repository, apart, true), recordsIn: apart.folder };
}

function noPlace(repository: Repository, { folder }: Apart, cause: unknown): PotctlError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PotctlError('E_FILES_DENIED', 'cannot store the record of the restore, which undo needs', {
    why: `the repository "${repository.url}" is not writable, and "${folder}" cannot be created: ${reason}`,
    fix: ['Choose a writable directory, and use the same one for undo: `export XDG_STATE_HOME=DIR`, then retry.'],
    cause,
  });
}

/** One folder per repository, independent of where it is mounted. */
async function apartOf(repository: Repository, at: At): Promise<Apart> {
  const { idOfRepository } = await import('../repository/records-apart.js');
  const id = (await idOfRepository(repository.url)) ?? createHash('sha256').update(repository.url).digest('hex');
  const folder = path.join(stateDirectory(at.host), 'records', id);
  const open = async (): Promise<Repository> => {
    await makeFolders(path.dirname(folder)).catch((error: unknown) => {
      throw fromErrno(error, `create '${path.dirname(folder)}' for the record of the restore`);
    });
    return at.at('records', folder);
  };
  return { folder, open };
}

/** Where potctl stores what belongs to this user and to no repository. */
export function stateDirectory({
  environment,
  homeDirectory,
}: Pick<SettingsRequest, 'environment' | 'homeDirectory'>): string {
  const state = environment['XDG_STATE_HOME'];
  const base = state !== undefined && path.isAbsolute(state) ? state : path.join(homeDirectory, '.local', 'state');
  return path.join(base, 'potctl');
}
