import { ERROR_CATALOG, ExitCode } from '../../kernel/error-catalog.js';
import { potctl } from '../../kernel/next.js';
import { RUN_ID_TO_COME } from '../../runs/names.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { decisiveBlocker, refuseBlocked } from './assess.js';
import type { RestorePlan } from './plan.js';
import { type PreparedRestore, prepareRestore } from './prepare.js';

/** A plan, and the exit code that `restore run` would have now: 0 if there are no blockers. */
export type JudgedPlan = RestorePlan & { readonly exit: ExitCode };

/**
 * Shows what a restore would do, and its blockers. Changes nothing. In names and commands, `…` stands for the id of the run: a run has its
 * own.
 *
 * @throws like prepareRestore
 */
export async function planRestore(deps: RestoreDeps, request: RestoreRequest): Promise<JudgedPlan> {
  const { plan } = await prepareRestore(deps, request);
  const decisive = decisiveBlocker(plan.blocking);
  return { ...withoutRunId(plan), exit: decisive === undefined ? ExitCode.ok : ERROR_CATALOG[decisive.code].exit };
}

function withoutRunId(plan: RestorePlan): RestorePlan {
  const { runId, database, files, undo } = plan;
  const without = (name: string): string => name.replace(runId, RUN_ID_TO_COME);
  return {
    ...plan,
    database: database && {
      ...database,
      stagedAs: without(database.stagedAs),
      present: database.present && { ...database.present, keptAs: without(database.present.keptAs) },
    },
    files: files && { ...files, stagedAt: files.stagedAt && without(files.stagedAt) },
    undo: undo && potctl('restore', 'undo', RUN_ID_TO_COME),
  };
}

/** Like {@link planRestore}, for a run that follows. @throws the blockers */
export async function readyRestore(deps: RestoreDeps, request: RestoreRequest): Promise<PreparedRestore> {
  const prepared = await prepareRestore(deps, request);
  refuseBlocked(prepared.plan.blocking);
  return prepared;
}
