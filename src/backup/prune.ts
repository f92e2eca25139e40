import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Lease } from '../repository/repository.js';
import type { PrunePolicy } from './keep-rules.js';
import { type Decided, type PruneDeps, type PrunePlan, planPrune } from './prune-plan.js';

/** What a prune removed, or with a dry run would remove. Each list is newest first; sizes in bytes. */
export interface PruneResult {
  readonly state: 'done' | 'planned';
  readonly sets: readonly string[];
  readonly keep: readonly Decided[];
  readonly remove: readonly Decided[];
  /** Not removed although no rule keeps them: their manifests cannot be used, or the removal failed. */
  readonly refused: readonly Decided[];
  readonly freed_bytes: number;
  /** How many removals failed. */
  readonly failed: number;
}

/** Which backups are removed. */
export interface PruneRequest {
  /** Decides again once the repository is locked, by a policy or by an id. */
  readonly plan: (deps: PruneDeps) => Promise<PrunePlan>;
  readonly runId: string;
  readonly waitMs: number;
}

/**
 * Removes the backups of the plan, oldest first, if they may still be removed once the repository is locked. A kill leaves each backup
 * either listed and complete, or unlisted. The next command that locks the repository lists those that are still whole again and removes
 * the rest of the others.
 *
 * @throws PotctlError E_LOCKED; E_FILES_DENIED, E_NO_SPACE, E_IO if nothing could be removed; the signal's reason, with the number of
 * removed backups
 */
export async function runPrune(deps: PruneDeps, request: PruneRequest, shown: PrunePlan): Promise<PruneResult> {
  const { plan, runId, waitMs } = request;
  const { repository, signal } = deps;
  const lease = await repository.lock({ command: 'backup prune', runId, waitMs, signal });
  try {
    // Backups may have been pinned, read, created or removed since. Remove only what was shown.
    const fresh = await plan(deps);
    const agreed = new Set(shown.remove.map(({ id }) => id));
    return await removePlanned(deps, lease, { ...fresh, remove: fresh.remove.filter(({ id }) => agreed.has(id)) });
  } finally {
    await lease.release();
  }
}

/** Returns the result of a dry run. */
export const plannedPrune = (shown: PrunePlan): PruneResult =>
  resultOf(shown, { state: 'planned', removed: shown.remove, failures: [] });

/**
 * Removes the old backups of one series after a new one was created. The caller holds the lock. Nobody can be asked here, so a plan that
 * requires confirmation is refused.
 *
 * @throws PotctlError E_CONFIRM_REQUIRED with the command that confirms; else as {@link runPrune}
 */
export async function pruneSet(deps: PruneDeps, policy: PrunePolicy, set: string, lease: Lease): Promise<PruneResult> {
  const at = { profile: null, database: null, filesPath: null };
  const plan = await planPrune(deps, policy, { at, fromSet: set, allSets: false });
  if (plan.severe === null) return removePlanned(deps, lease, plan);
  throw new PotctlError('E_CONFIRM_REQUIRED', 'removing old backups requires confirmation', {
    why: plan.severe,
    fix: [
      advice`Run it once by hand, with the same --keep flags: ${potctl('backup', 'prune', '--confirm', plan.confirm)}`,
    ],
  });
}

async function removePlanned(deps: PruneDeps, lease: Lease, plan: PrunePlan): Promise<PruneResult> {
  const removed: Decided[] = [];
  const failures: Failure[] = [];
  for (const backup of [...plan.remove].reverse()) {
    try {
      deps.signal.throwIfAborted();
      await lease.assertHeld();
    } catch (error) {
      throw error instanceof PotctlError ? error.with(progressOf(removed, plan)) : error;
    }
    const failure = await removeOne(deps, backup, plan);
    if (failure === null) removed.unshift(backup);
    else failures.unshift(failure);
    noteRemoved(deps, removed, plan);
  }
  const [first] = failures;
  if (first !== undefined && removed.length === 0) throw first.error;
  return resultOf(plan, { state: 'done', removed, failures });
}

function noteRemoved({ changes }: PruneDeps, removed: readonly Decided[], plan: PrunePlan): void {
  const { changed, changedDetail: detail } = { changedDetail: '', ...progressOf(removed, plan) };
  if (changed === 'nothing') return;
  changes?.note('prune', { changed: removed.length === plan.remove.length ? 'complete' : changed, detail });
}

interface Failure {
  readonly backup: Decided;
  readonly error: PotctlError;
}

async function removeOne({ repository }: PruneDeps, backup: Decided, plan: PrunePlan): Promise<Failure | null> {
  try {
    await repository.remove(backup.id, backup.reasons.join('; '), plan.seenEvents.get(backup.id) ?? null);
    return null;
  } catch (error) {
    if (error instanceof PotctlError) return { backup, error };
    throw error;
  }
}

function progressOf(removed: readonly Decided[], { remove }: PrunePlan) {
  if (removed.length === 0) return { changed: 'nothing' } as const;
  const changedDetail = `${removed.length} of ${counted(remove.length, 'backup')} ${verb(removed.length, 'was', 'were')} removed, the oldest first; the others are unchanged`;
  return { changed: 'partial', changedDetail } as const;
}

function resultOf(
  { sets, keep, refused }: PrunePlan,
  {
    state,
    removed,
    failures,
  }: Pick<PruneResult, 'state'> & { removed: readonly Decided[]; failures: readonly Failure[] },
): PruneResult {
  const stuck = failures.map(({ backup, error }) => ({ ...backup, reasons: [...backup.reasons, whyStuck(error)] }));
  return {
    ...{ state, sets, keep },
    remove: removed,
    refused: [...stuck, ...refused],
    freed_bytes: removed.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    failed: failures.length,
  };
}

function whyStuck({ message, why, changedDetail }: PotctlError): string {
  return [message, typeof why === 'string' ? why : null, changedDetail ?? null]
    .filter((part) => part !== null)
    .join('; ');
}
