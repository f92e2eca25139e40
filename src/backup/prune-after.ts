import { counted } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import type { Lease } from '../repository/repository.js';
import type { CreateDeps, CreateRequest, CreateResult, PrunedAfter } from './create-request.js';
import type { PrunePolicy } from './keep-rules.js';
import { pruneSet } from './prune.js';
import type { PruneDeps } from './prune-plan.js';

/** Prunes as {@link pruneAfter} does; returns null if the request does not ask for it. */
export async function pruneIfAsked(
  { repository, clock, signal, changes, restoring, clockOffMs }: CreateDeps,
  request: CreateRequest,
  made: Made,
  lease: Lease,
): Promise<PrunedAfter | null> {
  if (!request.prune) return null;
  if (restoring === undefined) throw new Error('a prune needs to know which backups are being restored');
  if (clockOffMs === undefined) throw new Error("a prune needs a way to read the server's clock");
  const deps = { repository, clock, signal, restoring, clockOffMs, ...(changes && { changes }) };
  return pruneAfter(deps, request.prune, made, lease);
}

type Made = Pick<CreateResult, 'set' | 'status' | 'verified'>;

/**
 * Removes old backups of the series after a new one was stored and verified. A failure is a result, not an error, because the new backup is
 * good all the same. The caller holds the lock.
 */
async function pruneAfter(deps: PruneDeps, policy: PrunePolicy, made: Made, lease: Lease): Promise<PrunedAfter> {
  if (made.status !== 'complete' || made.verified !== true) return { ...nothing('skipped'), problem: doubtOf(made) };
  try {
    const { remove, freed_bytes, refused, failed } = await pruneSet(deps, policy, made.set, lease);
    const stuck = refused.slice(0, failed).map(({ id, reasons }) => `'${id}': ${reasons.at(-1)}`);
    const message = `${counted(failed, 'backup')} could not be removed: ${stuck.join('; ')}`;
    const problem = failed === 0 ? null : { code: 'E_PARTIAL' as const, message, fix: [] };
    return { state: failed === 0 ? 'done' : 'failed', removed: remove.map(({ id }) => id), freed_bytes, problem };
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    const { code, fix, changedDetail, why } = error;
    const message = [error.message, typeof why === 'string' ? why : null, changedDetail ?? null];
    return {
      ...nothing('failed'),
      problem: { code, message: message.filter((part) => part !== null).join('; '), fix },
    };
  }
}

const nothing = <S extends PrunedAfter['state']>(state: S) => ({ state, removed: [], freed_bytes: 0 });

function doubtOf({ status }: Pick<CreateResult, 'status'>): PrunedAfter['problem'] {
  const doubt = status === 'degraded' ? 'is degraded' : 'could not be fully verified';
  return { code: 'E_PARTIAL', message: `the new backup ${doubt}, so older backups are kept`, fix: [] };
}
