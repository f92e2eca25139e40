import type { Person } from '../../applications/application.js';
import { PotctlError } from '../../kernel/errors.js';
import { type NextCommand, potctl } from '../../kernel/next.js';
import { type ChangePlan, type ChangeResult, recordedMeanwhile, refuseDenied } from '../change.js';
import { planCodes, replaceCodes } from '../codes.js';
import type { Delivery } from '../delivery.js';
import type { Uses } from '../deps.js';
import { disable, planDisable } from '../disable.js';
import { argumentOf } from '../people.js';
import type { MfaRecord } from '../record.js';
import { planUnlock, unlock } from '../unlock.js';
import type { DeskCase } from './case.js';
import { proofWords } from './proofs.js';
import type { Proving } from './proving.js';

/** What a desk does; the word of the command that does the same. */
export type DeskTask = 'reset' | 'unlock' | 'codes' | 'disable';

const VERBS: Readonly<Record<DeskTask, string>> = { reset: 'reset', unlock: 'unlock', codes: 'codes', disable: 'off' };

/**
 * Would it be possible, and what would happen? Asked before the caller proves anything, so that nobody proves it for nothing.
 *
 * @throws E_BREAK_GLASS (an administrator, the operator's own account, a protected command), E_MFA_STATE, E_UNSUPPORTED, E_DB_*
 */
export async function previewTask(
  { database, journal, actor, policy }: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  person: Person,
  task: DeskTask,
): Promise<ChangePlan> {
  const asking = { ...actor, reason: 'asked for at the support desk' };
  return planTask({ database, journal, actor: asking, policy: { ...policy, ticket: null } }, person, task);
}

/** What will happen, with the reason and the ticket in `deps.actor`. @throws as planChange */
export async function planTask(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  { id }: Person,
  task: DeskTask,
): Promise<ChangePlan> {
  if (task === 'unlock') return planUnlock(deps, id, { resetConsecutive: false });
  if (task === 'codes') return planCodes(deps, id, deps.policy.codeForm);
  return planDisable(deps, id, { action: task, factorId: null });
}

/** What must be typed, in any case: `reset ana.souza`. */
export const phraseOf = (task: DeskTask, { phrase }: ChangePlan): string => `${VERBS[task]} ${phrase}`;

/** What is done in a call. */
export interface TaskOrder {
  readonly task: DeskTask;
  readonly plan: ChangePlan;
  readonly call: DeskCase;
  readonly proving: Proving;
  /** Where new codes go; not asked for anything else. */
  delivery(): Delivery;
}

/**
 * Does it, with the proofs and the red flags in the same entry of the journal.
 *
 * @throws E_REFUSED without enough proofs, or with those of somebody else; E_MFA_CHANGED where another desk denied the caller, or three checks
 * failed, since the call began; as applyChange
 */
export async function carryOut(
  { database, journal, actor, policy }: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  { task, plan: shown, call, proving, delivery }: TaskOrder,
): Promise<ChangeResult> {
  if (!proving.isEnough() || shown.record.person.id !== call.person.id || shown.action !== task) {
    throw new PotctlError('E_REFUSED', 'the caller has not proved to be this person');
  }
  const plan = { ...shown, recheck: (now: MfaRecord) => refuseDoubted(call, now) };
  const evidence = { proofs: proofWords(proving.given()), red_flags: call.flags.map(({ code }) => code) };
  const proved = { database, journal, actor: { ...actor, evidence } };
  if (task === 'unlock') return unlock(proved, plan, { resetConsecutive: false });
  if (task === 'codes') return replaceCodes(proved, plan, policy.codeForm, delivery());
  return disable(proved, plan, { action: task, factorId: null });
}

/** A call may be long: what other desks noted since it began counts as well. */
function refuseDoubted(call: DeskCase, now: MfaRecord): void {
  refuseDenied(call.record, now);
  if (call.beside || call.closedUntil !== null || (now.verifier?.desk.closedUntil ?? null) === null) return;
  throw recordedMeanwhile(call.person, 'three identity checks failed');
}

/** The line with which an SRE does the same. */
export function expertLine(
  { policy, actor }: Uses<'actor' | 'policy'>,
  person: Person,
  task: DeskTask,
  ...flags: string[]
): NextCommand {
  const profile = policy.profile === null ? [] : ['-p', policy.profile];
  const ticket = policy.ticket === null ? [] : ['--ticket', actor.ticket ?? 'TICKET'];
  return potctl('mfa', task, argumentOf(person), ...profile, ...flags, ...ticket, '--reason', '…');
}
