import { ERROR_CATALOG, ExitCode } from '../../kernel/error-catalog.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { decisiveBlocker, refuseBlocked } from './assess.js';
import type { RestorePlan } from './plan.js';
import { type PreparedRestore, prepareRestore } from './prepare.js';

/** A plan, and how `restore run` would end at this moment: 0 if nothing stands in the way. */
export type JudgedPlan = RestorePlan & { readonly exit: ExitCode };

/** Says what a restore would do and what stands in its way. Changes nothing. @throws as prepareRestore */
export async function planRestore(deps: RestoreDeps, request: RestoreRequest): Promise<JudgedPlan> {
  const { plan } = await prepareRestore(deps, request);
  const decisive = decisiveBlocker(plan.blocking);
  return { ...plan, exit: decisive === undefined ? ExitCode.ok : ERROR_CATALOG[decisive.code].exit };
}

/** Like {@link planRestore}, for a run that follows. @throws what stands in the way */
export async function readyRestore(deps: RestoreDeps, request: RestoreRequest): Promise<PreparedRestore> {
  const prepared = await prepareRestore(deps, request);
  refuseBlocked(prepared.plan.blocking);
  return prepared;
}
