import { ERROR_CATALOG, ExitCode } from '../../kernel/error-catalog.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { decisiveBlocker, refuseBlocked } from './assess.js';
import type { RestorePlan } from './plan.js';
import { type PreparedRestore, prepareRestore } from './prepare.js';

/** A plan, and the exit code that `restore run` would have now: 0 if there are no blockers. */
export type JudgedPlan = RestorePlan & { readonly exit: ExitCode };

/** Shows what a restore would do, and its blockers. Changes nothing. @throws like prepareRestore */
export async function planRestore(deps: RestoreDeps, request: RestoreRequest): Promise<JudgedPlan> {
  const { plan } = await prepareRestore(deps, request);
  const decisive = decisiveBlocker(plan.blocking);
  return { ...plan, exit: decisive === undefined ? ExitCode.ok : ERROR_CATALOG[decisive.code].exit };
}

/** Like {@link planRestore}, for a run that follows. @throws the blockers */
export async function readyRestore(deps: RestoreDeps, request: RestoreRequest): Promise<PreparedRestore> {
  const prepared = await prepareRestore(deps, request);
  refuseBlocked(prepared.plan.blocking);
  return prepared;
}
