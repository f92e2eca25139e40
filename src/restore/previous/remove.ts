import { PotctlError } from '../../kernel/errors.js';
import { type RunRecord, readRuns, writeRun } from '../../runs/record.js';
import type { RestoreDeps } from '../deps.js';
import { settleFirst, withLocks } from '../locked.js';
import { profileBlockers, refuseBlocked } from '../plan/assess.js';
import { dropKept } from './databases.js';
import { type OldPlan, type OldRequest, type OldThing, planOld } from './plan.js';
import { removeKept } from './trees.js';

/** What was removed. */
export interface OldRemoved {
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly removed: readonly OldThing[];
  readonly kept: readonly OldThing[];
  /** How many of `kept` should have been removed and could not be. */
  readonly failed: number;
  readonly freedBytes: number;
  readonly warnings: readonly string[];
}

/** Like {@link planOld}, for a removal that follows. @throws E_PROFILE_REQUIRED */
export async function readyOld(deps: RestoreDeps, request: OldRequest): Promise<OldPlan> {
  const plan = await planOld(deps, request);
  if (plan.remove.length > 0) refuseBlocked(profileBlockers(request));
  return plan;
}

/**
 * Removes the previous databases and trees of a plan, checking each one again first. Before the first one of a run is removed, the run's
 * record is marked as no longer undoable; after an interruption, the same command removes the rest.
 *
 * @throws E_LOCKED, E_RUN_NOT_FOUND, E_DB_*
 */
export async function removeOld(deps: RestoreDeps, request: OldRequest, shown: OldPlan): Promise<OldRemoved> {
  if (shown.remove.length === 0) return unchanged(shown, 'done');
  const { runId, waitMs, database, hostname } = request;
  return withLocks(deps, { command: 'backup prune', runId, waitMs, database }, async (lease) => {
    await settleFirst(deps, { startWriters: null, hostname, set: '', tree: null, database });
    const now = await planOld(deps, request);
    const agreed = now.remove.filter((thing) =>
      shown.remove.some(({ kind, name }) => kind === thing.kind && name === thing.name),
    );
    const removed: OldThing[] = [];
    const stuck: OldThing[] = [];
    for (const thing of agreed) {
      deps.signal.throwIfAborted();
      await lease.assertHeld();
      const other = stuck.find(({ run }) => run === thing.run);
      const stays =
        other === undefined ? await removeOne(deps, thing) : `"${other.name}" of the same run could not be removed`;
      if (stays === null) removed.push(thing);
      else stuck.push({ ...thing, stays });
    }
    const freedBytes = removed.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
    const kept = [...stuck, ...now.keep];
    return { state: 'done', removed, kept, failed: stuck.length, freedBytes, warnings: now.warnings };
  });
}

/** The expected result, without removing anything. */
export const plannedRemoval = (shown: OldPlan): OldRemoved => unchanged(shown, 'planned');

function unchanged({ remove, keep, freedBytes, warnings }: OldPlan, state: OldRemoved['state']): OldRemoved {
  return { state, removed: remove, kept: keep, failed: 0, freedBytes, warnings };
}

async function removeOne(deps: RestoreDeps, { kind, run, name }: OldThing): Promise<string | null> {
  const record = (await readRuns(deps.repository)).find(({ run_id }) => run_id === run);
  if (record === undefined) return 'its record no longer exists';
  await noteRemoval(deps, record);
  try {
    if (kind === 'tree') await removeKept({ path: name, record });
    const stays = kind === 'tree' ? null : await dropKept(deps.server!, { name, record });
    // It is still complete, so the run can still be undone.
    if (stays !== null) await writeRun(deps.repository, record);
    return stays;
  } catch (error) {
    if (error instanceof PotctlError && error.code.startsWith('E_FILES')) return error.message;
    if (error instanceof PotctlError && error.code === 'E_REFUSED') {
      await writeRun(deps.repository, record);
      return error.message;
    }
    throw error;
  }
}

/** Half of what a run kept cannot be restored. */
async function noteRemoval({ repository, clock }: RestoreDeps, record: RunRecord): Promise<void> {
  if (record.old_removed_at !== undefined) return;
  await writeRun(repository, { ...record, old_removed_at: clock.now().toISOString() });
}
