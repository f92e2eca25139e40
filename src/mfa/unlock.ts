import type { Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { Uses } from './deps.js';
import { unchanged } from './kept.js';
import { argumentOf, keyOf, nameOf } from './people.js';
import { untilText } from './verifier-state.js';

export interface UnlockOptions {
  /** Also reset the count of rejected codes in a row, which locks permanently at 100. */
  readonly resetConsecutive?: boolean | undefined;
}

/** Plans to unlock a user. Applying it removes potctl's block and the application's lock. @throws as planChange */
export async function prepareUnlock(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  options: UnlockOptions,
): Promise<Prepared<ChangePlan, ChangeResult>> {
  const plan = await planUnlock(deps, wanted, options);
  return { plan, dryRun: async () => plannedResult(plan), apply: () => unlock(deps, plan, options) };
}

/** Plans to unlock a user. Changes nothing. @throws as planChange */
export async function planUnlock(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  { resetConsecutive = false }: UnlockOptions,
): Promise<ChangePlan> {
  const { application } = deps.database;
  return planChange(deps, wanted, 'unlock', ({ person, verifier }) => {
    if (verifier === null) {
      throw new PotctlError('E_DB_DENIED', 'this database role cannot see whether potctl blocks a user', {
        fix: [advice`It needs SELECT on potctl.mfa_attempt: ${potctl('grants', 'sql', '--role', 'support')}`],
      });
    }
    const { blockedUntil, failuresSinceSuccess } = verifier;
    if (blockedUntil === 'infinity' && !resetConsecutive) throw lockedForGood(person);
    const lockedUntil = application.mfa.unlock === undefined ? null : person.lockedUntil;
    const forgets = resetConsecutive && failuresSinceSuccess > 0;
    const steps = [
      ...(blockedUntil === null ? [] : [`${blockWords(blockedUntil)} is removed`]),
      ...(lockedUntil === null ? [] : [`the application's lock (${untilText(lockedUntil)}) is removed`]),
      ...(forgets ? [`the count of rejected codes in a row (${failuresSinceSuccess}) is reset`] : []),
    ];
    return { changes: steps.length > 0, steps };
  });
}

/** Removes potctl's block and the application's lock. @throws as applyChange */
export async function unlock(
  deps: Uses<'database' | 'journal' | 'actor'>,
  plan: ChangePlan,
  { resetConsecutive = false }: UnlockOptions,
): Promise<ChangeResult> {
  const { application } = deps.database;
  return applyChange(deps, plan, {
    event: 'unlock',
    expect: (record) => ({ ...unchanged(record), unlocked: true }),
    async run(transaction, { person }) {
      const kind = resetConsecutive ? 'reset' : 'unlock';
      await transaction.query('select potctl.mfa_note($1, $2)', [keyOf(application, person), kind]);
      await application.mfa.unlock?.(transaction, person);
      return { reset_consecutive: resetConsecutive, locked_until: person.lockedUntil };
    },
  });
}

const blockWords = (until: string): string =>
  until === 'infinity' ? "potctl's lock after 100 rejected codes in a row" : `potctl's block (${untilText(until)})`;

/** 100 rejected codes in a row mean an attack or a broken secret, so unlocking requires an explicit flag. */
const lockedForGood = (person: Person): PotctlError =>
  new PotctlError('E_MFA_STATE', `'${nameOf(person)}' is permanently locked: 100 codes in a row were refused`, {
    why: 'somebody may be guessing codes; removing this lock requires --reset-consecutive',
    fix: [potctl('mfa', 'unlock', argumentOf(person), '--reset-consecutive')],
  });
