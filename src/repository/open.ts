import path from 'node:path';
import type { Clock } from '../kernel/clock.js';
import type { HostIdentity } from '../kernel/host-identity.js';
import { openDirectory } from '../storage/directory/directory.js';
import { LAYOUT } from './format.js';
import { LEASE_TIMES, type LeaseTimes } from './lease.js';
import type { LockHolder } from './lock.js';
import { openOnStorage } from './on-storage.js';
import type { Repository } from './repository.js';

export interface OpenOptions {
  readonly clock: Clock;
  /** This process; see readHostIdentity. */
  readonly host: HostIdentity;
  /** Who works, `user@host`: named in the lock. */
  readonly operator: string;
  /** A dead run's lock was removed; null when nobody could tell whose it was. */
  readonly onTakeover?: (holder: LockHolder | null) => void;
  /** Another run holds the lock, and we begin to wait for it. */
  readonly onWait?: (holder: LockHolder | null) => void;
  /** What is left of a removed or an unfinished backup cannot be removed now either; its absolute path. */
  readonly onStuck?: (place: string) => void;
  /** The damaged history of a backup was made whole from its copy; what was wrong with it. */
  readonly onMended?: (id: string, damage: string) => void;
  /** Replaced in tests. */
  readonly times?: LeaseTimes;
}

/**
 * Opens the place where backups rest. Looks, but writes nothing: a repository is created by the first changing call into an absent or
 * foreign-free directory.
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
