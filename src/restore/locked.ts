import type { Lease } from '../repository/repository.js';
import { type RecoverDeps, recoverRuns } from '../runs/recover.js';
import type { RestoreDeps } from './deps.js';

/** Who locks, and what. */
export interface LockFor {
  readonly command: string;
  readonly runId: string;
  readonly waitMs: number;
  /** null = no database takes part. */
  readonly database: string | null;
}

/**
 * Works while both locks are held: the repository's, then the database's. No other potctl changes either meanwhile, as long as
 * `assertHeld` does not throw: a lease that was silent too long, or a connection that broke, is a lock that others may have by now.
 *
 * @throws E_LOCKED
 */
export async function withLocks<T>(
  { repository, lockDatabase, signal }: Pick<RestoreDeps, 'repository' | 'lockDatabase' | 'signal'>,
  { command, runId, waitMs, database }: LockFor,
  work: (lease: Lease, assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const lease = await repository.lock({ command, runId, waitMs, signal });
  try {
    const locked = database === null ? null : await lockDatabase(database);
    try {
      return await work(lease, async () => {
        await lease.assertHeld();
        await locked?.assertHeld();
      });
    } finally {
      await locked?.release();
    }
  } finally {
    await lease.release();
  }
}

/** What is worked on once the ground is settled. */
type About = Pick<RecoverDeps, 'startWriters' | 'set' | 'hostname' | 'tree' | 'database'>;

/** Settles what killed runs left, before anything is built on it. The caller holds the locks. @throws as recoverRuns */
export async function settleFirst(deps: RestoreDeps, about: About): Promise<void> {
  const { server, repository, clock, progress, changes, childEnvironment } = deps;
  const { startWriters, set, hostname, tree, database } = about;
  await recoverRuns({
    ...{ server, repository, clock, progress, childEnvironment, ...(changes && { changes }) },
    ...{ startWriters, set, hostname, tree, database },
  });
}
