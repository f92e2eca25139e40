import path from 'node:path';
import { openDirectory } from '../storage/directory/directory.js';
import { LAYOUT } from './format.js';
import { LEASE_TIMES, type LeaseTimes } from './lease.js';
import { openOnStorage, type RepositoryOptions } from './on-storage.js';
import type { Repository } from './repository.js';

export interface OpenOptions extends Omit<RepositoryOptions, 'times'> {
  /** Replaced in tests. */
  readonly times?: LeaseTimes;
}

/**
 * Opens a repository. Writes nothing: the first changing call creates it in a missing directory, or in one without files of others.
 *
 * @param location `path` is absolute
 * @throws PotctlError E_REPOSITORY_FORMAT (a file, another program's directory, a newer major version, a missing parent), E_FILES_DENIED
 */
export async function openRepository(
  location: { readonly name: string; readonly path: string },
  options: OpenOptions,
): Promise<Repository> {
  if (!path.isAbsolute(location.path)) throw new Error(`the repository path '${location.path}' is not absolute`);
  const storage = await openDirectory(path.resolve(location.path), LAYOUT);
  return openOnStorage(location.name, storage, { times: LEASE_TIMES, ...options });
}
