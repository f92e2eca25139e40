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

/** What the desk can do; the name of the `mfa` command that does the same. */
export type DeskTask = 'reset' | 'unlock' | 'codes' | 'disable';

const VERBS: Readonly<Record<DeskTask, string>> = { reset: 'reset', unlock: 'unlock', codes: 'codes', disable: 'off' };

/**
 * Plans a task before the caller proves anything, to refuse early what cannot be done.
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

/** Plans a task with the reason and ticket in `deps.actor`. @throws as planChange */
export async function planTask(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  { id }: Person,
  task: DeskTask,
): Promise<ChangePlan> {
  if (task === 'unlock') return planUnlock(deps, id, { resetConsecutive: false });
  if (task === 'codes') return planCodes(deps, id, deps.policy.codeForm);
  return planDisable(deps, id, { action: task, factorId: null });
}

/** Returns what must be typed to confirm, case-insensitive: `reset ana.souza`. */
export const phraseOf = (task: DeskTask, { phrase }: ChangePlan): string => `${VERBS[task]} ${phrase}`;

/** A task to carry out for a caller. */
export interface TaskOrder {
  readonly task: DeskTask;
  readonly plan: ChangePlan;
  readonly call: DeskCase;
  readonly proving: Proving;
  /** Where new codes go; only called for the task `codes`. */
  delivery(): Delivery;
}

/**
 * Carries out a task and records the proofs and red flags in the same journal entry.
 *
 * @throws E_REFUSED without enough proofs, or with those of another person; E_MFA_CHANGED if another desk denied the caller, or three checks
 * failed, since the call began; as applyChange
 */
export async function carryOut(
  { database, journal, actor, policy }: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  { task, plan: shown, call, proving, delivery }: TaskOrder,
): Promise<ChangeResult> {
  if (!proving.isEnough() || shown.record.person.id !== call.person.id || shown.action !== task) {
    throw new PotctlError('E_REFUSED', "the caller's identity is not verified");
  }
  const plan = { ...shown, recheck: (now: MfaRecord) => refuseDoubted(call, now) };
  const evidence = { proofs: proofWords(proving.given()), red_flags: call.flags.map(({ code }) => code) };
  const proved = { database, journal, actor: { ...actor, evidence } };
  if (task === 'unlock') return unlock(proved, plan, { resetConsecutive: false });
  if (task === 'codes') return replaceCodes(proved, plan, policy.codeForm, delivery());
  return disable(proved, plan, { action: task, factorId: null });
}

/** Refuses if another desk recorded a denial or a third failed check since this call began. */
function refuseDoubted(call: DeskCase, now: MfaRecord): void {
  refuseDenied(call.record, now);
  if (call.inPerson || call.closedUntil !== null || (now.verifier?.desk.closedUntil ?? null) === null) return;
  throw recordedMeanwhile(call.person, 'three identity checks failed');
}

/** Returns the command with which an SRE does the same. */
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
