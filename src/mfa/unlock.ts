import { PotctlError } from '../errors.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { MfaDeps } from './deps.js';
import { keyOf } from './people.js';
import { untilText } from './verifier-state.js';

export interface UnlockWishes {
  /** Also forget the codes that were refused in a row: at a hundred they lock for good. */
  readonly resetConsecutive: boolean;
  readonly dryRun: boolean;
}

/** Says what would be unlocked. Changes nothing. @throws as planChange */
export async function planUnlock(
  deps: MfaDeps,
  wanted: string,
  { resetConsecutive }: UnlockWishes,
): Promise<ChangePlan> {
  const { application } = deps.database;
  return planChange(deps, wanted, 'unlock', ({ person, verifier }) => {
    if (verifier === null) {
      throw new PotctlError('E_DB_DENIED', 'this role may not see whether potctl blocks somebody', {
        fix: ['It needs SELECT on potctl.mfa_attempt: `potctl grants sql --role support`'],
      });
    }
    const { blockedUntil, failuresSinceSuccess } = verifier;
    const ownBlock = blockedUntil !== null && (blockedUntil !== 'infinity' || resetConsecutive);
    const own = person.lockedUntil !== null && application.unlock !== undefined;
    const steps = [
      ...(ownBlock ? [`the block of potctl${blockedUntil === 'infinity' ? '' : ` until ${blockedUntil}`} ends`] : []),
      ...(own ? [`the lock of the application ${untilText(person.lockedUntil!)} ends`] : []),
      ...(resetConsecutive && failuresSinceSuccess > 0 ? [`${failuresSinceSuccess} refused codes are forgotten`] : []),
      ...(blockedUntil === 'infinity' && !resetConsecutive
        ? ['100 codes in a row were refused: only `--reset-consecutive` unlocks that']
        : []),
    ];
    return { changes: ownBlock || own || (resetConsecutive && failuresSinceSuccess > 0), steps };
  });
}

/** Ends potctl's block and the application's own lock. @throws as applyChange */
export async function unlock(deps: MfaDeps, plan: ChangePlan, wishes: UnlockWishes): Promise<ChangeResult> {
  if (wishes.dryRun) return plannedResult(plan);
  const { application } = deps.database;
  return applyChange(deps, plan, {
    ...{ event: 'unlock', expect: { state: plan.record.state } },
    async run(transaction, { person }) {
      const kind = wishes.resetConsecutive ? 'reset' : 'unlock';
      await transaction.query('select potctl.mfa_note($1, $2)', [keyOf(application, person), kind]);
      await application.unlock?.(transaction, person);
      return { reset_consecutive: wishes.resetConsecutive, locked_until: person.lockedUntil };
    },
  });
}
