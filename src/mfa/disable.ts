import type { Application, Factor } from '../applications/application.js';
import { PotctlError } from '../errors.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { MfaDeps } from './deps.js';
import { keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';

/** What is taken away. */
export interface DisableWishes {
  /** `reset`: also end the sessions, and ask for a new enrolment where the application knows that. */
  readonly action: 'disable' | 'reset';
  /** Only this factor; null = all, of every kind. */
  readonly factorId: string | null;
  readonly dryRun: boolean;
}

/**
 * Says what would be taken away. Changes nothing.
 *
 * @throws E_MFA_STATE (no such factor), and as planChange
 */
export async function planDisable(deps: MfaDeps, wanted: string, wishes: DisableWishes): Promise<ChangePlan> {
  const { application } = deps.database;
  return planChange(deps, wanted, wishes.action, (record) => {
    const { codes, sessions, state } = record;
    const going = chosen(record, wishes.factorId);
    const isReset = wishes.action === 'reset';
    const ends = isReset && sessions !== null && sessions > 0;
    const steps = [
      ...going.map(({ kind, label }) => `the factor ${label === null ? kind : `${kind} "${label}"`} is switched off`),
      ...(codes !== null && codes.length > 0 ? [`${codes.length} backup codes stop working`] : []),
      ...(isReset ? sessionLines(record, application) : []),
      ...(isReset ? [next(deps, record)] : []),
    ];
    const hasCodes = codes !== null && codes.length > 0;
    return { changes: going.length > 0 || ends || hasCodes || state === 'unknown', steps };
  });
}

/**
 * Switches the second factor off; with `reset` also ends the person's sessions, in the same transaction.
 *
 * @throws as applyChange
 */
export async function disable(deps: MfaDeps, plan: ChangePlan, wishes: DisableWishes): Promise<ChangeResult> {
  if (wishes.dryRun) return plannedResult(plan);
  const { application } = deps.database;
  const left = plan.record.enabled.filter(({ id }) => wishes.factorId !== null && id !== wishes.factorId);
  const state = left.length > 0 ? ('enabled' as const) : ('off' as const);
  return applyChange(deps, plan, {
    ...{ event: 'disable', factorId: wishes.factorId },
    expect: { state, ...(state === 'off' && application.codes && { codes: 0 }) },
    async run(transaction, record) {
      const { person, codes } = record;
      const removed = await application.disable(transaction, person, chosen(record, wishes.factorId));
      if (state === 'off')
        await transaction.query('select potctl.mfa_enrollment_ended($1)', [keyOf(application, person)]);
      if (wishes.action === 'disable') return { removed, codes_before: codes?.length ?? null, codes_left: 0 };
      const ended = (await application.sessions?.end(transaction, person)) ?? null;
      await application.requireEnrollment?.(transaction, person);
      return { removed, codes_before: codes?.length ?? null, codes_left: 0, sessions_ended: ended };
    },
  });
}

function chosen({ factors, person }: MfaRecord, factorId: string | null): Factor[] {
  const live = factors.filter(({ state, secret }) => state !== 'inactive' || secret === undefined);
  if (factorId === null) return live.filter(({ state }) => state !== 'inactive');
  const [one] = live.filter(({ id }) => id === factorId);
  if (one !== undefined) return [one];
  throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' has no active factor '${factorId}'`, {
    why: live.length === 0 ? 'there is none' : live.map(({ id, kind }) => `${id}  ${kind}`).join('\n'),
  });
}

function sessionLines({ sessions }: MfaRecord, { sessions: kept, facts }: Application): string[] {
  if (kept === undefined)
    return ['this application keeps no sessions in its database: who is signed in stays so until that ends'];
  const after = facts.sessions === undefined ? [] : [facts.sessions];
  if (sessions === null || sessions === 0) return after;
  return [sessions === 1 ? '1 session ends' : `${sessions} sessions end`, ...after];
}

function next({ database, policy }: MfaDeps, { person }: MfaRecord): string {
  const { application } = database;
  if (application.requireEnrollment) return `${nameOf(person)} must enrol anew at the next login`;
  const lockedOut = person.isAdmin && policy.requiredForAdmin ? application.facts.requiredForAdmin : undefined;
  return lockedOut ?? `${nameOf(person)} can enrol anew; the application does not ask for it by itself`;
}
