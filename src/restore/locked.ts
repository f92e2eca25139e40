import type { Lease } from '../repository/repository.js';
import { type RecoverDeps, recoverRuns } from '../runs/recover.js';
import type { RestoreDeps } from './deps.js';

/** Who takes the locks, and for what. */
export interface LockFor {
  readonly command: string;
  readonly runId: string;
  readonly waitMs: number;
  /** null = no database is involved. */
  readonly database: string | null;
}

/**
 * Works while holding both locks: the repository's, then the database's. No other potctl changes either meanwhile, unless `assertHeld`
 * throws: if the lease has expired or the connection was lost, others may hold the lock by now.
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

/** What the command will work on after recovery. */
type About = Pick<RecoverDeps, 'startWriters' | 'set' | 'hostname' | 'tree' | 'database'>;

/** Cleans up after killed runs before anything else starts. The caller holds the locks. @throws like recoverRuns */
export async function settleFirst(deps: RestoreDeps, about: About): Promise<void> {
  const { server, repository, clock, progress, changes, childEnvironment } = deps;
  const { startWriters, set, hostname, tree, database } = about;
  await recoverRuns({
    ...{ server, repository, clock, progress, childEnvironment, ...(changes && { changes }) },
    ...{ startWriters, set, hostname, tree, database },
  });
}
