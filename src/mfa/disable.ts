import type { Application, Factor, Person } from '../applications/application.js';
import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import type { Prepared } from '../kernel/prepared.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { Uses } from './deps.js';
import { liveOf } from './kept.js';
import { keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { Transaction } from './transaction.js';

/** Which factors are removed, and how. */
export interface DisableOptions {
  /** `reset`: also ends the sessions, and requires a new enrollment if the application supports that. */
  readonly action: 'disable' | 'reset';
  /** Only this factor; null = all, of every kind. */
  readonly factorId: string | null;
}

/**
 * Plans to disable a second factor. Applying it removes the factor; with `reset` it also ends the person's sessions, in the same transaction.
 *
 * @throws E_MFA_STATE (no such factor), and as planChange
 */
export async function prepareDisable(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  options: DisableOptions,
): Promise<Prepared<ChangePlan, ChangeResult>> {
  const plan = await planDisable(deps, wanted, options);
  return { plan, dryRun: async () => plannedResult(plan), apply: () => disable(deps, plan, options) };
}

/**
 * Plans to disable a second factor. Changes nothing.
 *
 * @throws E_MFA_STATE (no such factor), and as planChange
 */
export async function planDisable(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  options: DisableOptions,
): Promise<ChangePlan> {
  const { application } = deps.database;
  return planChange(deps, wanted, options.action, (record) => {
    const { codes, sessions, state } = record;
    const going = chosen(record, options.factorId);
    const isReset = options.action === 'reset';
    const ends = isReset && sessions !== null && sessions > 0;
    const steps = [
      ...going.map(goneWords),
      ...(codes !== null && codes.length > 0
        ? [`${counted(codes.length, 'backup code')} ${verb(codes.length, 'stops', 'stop')} working`]
        : []),
      ...(isReset ? sessionLines(record, application) : []),
      ...(isReset ? [next(deps, record)] : []),
    ];
    const hasCodes = codes !== null && codes.length > 0;
    return { changes: going.length > 0 || ends || hasCodes || state === 'unknown', steps };
  });
}

/**
 * Disables the second factor; with `reset` also ends the person's sessions, in the same transaction.
 *
 * @throws as applyChange
 */
export async function disable(
  deps: Uses<'database' | 'journal' | 'actor'>,
  plan: ChangePlan,
  options: DisableOptions,
): Promise<ChangeResult> {
  const { application } = deps.database;
  const isReset = options.action === 'reset';
  const isOff = options.factorId === null || !plan.record.enabled.some(({ id }) => id !== options.factorId);
  return applyChange(deps, plan, {
    ...{ event: 'disable', factorId: options.factorId },
    expect: (record) => ({
      factors: without(record, chosen(record, options.factorId)),
      codes: isOff && application.mfa.codes ? [] : record.codes,
      ...(isReset && { noSessions: true, mustEnroll: true }),
    }),
    async run(transaction, record) {
      const { person, codes } = record;
      const removed = await application.mfa.disable(transaction, person, chosen(record, options.factorId));
      if (isOff) await transaction.query('select potctl.mfa_enrollment_ended($1)', [keyOf(application, person)]);
      const done = { removed, codes_before: codes?.length ?? null, codes_left: application.mfa.codes ? 0 : null };
      if (!isReset) return done;
      await application.mfa.requireEnrollment?.(transaction, person);
      return { ...done, sessions_ended: await endSessions(deps, transaction, person) };
    },
  });
}

function goneWords({ kind, label, state }: Factor): string {
  if (state === 'pending') return 'the unconfirmed new secret is removed';
  const what = { totp: 'the authenticator app', webauthn: 'the security key' }[kind] ?? `the factor ${kind}`;
  return `${label === null ? what : `${what} "${label}"`} is removed`;
}

/** Ends all sessions, including one that was opened meanwhile. @returns how many; null = the application stores no sessions */
async function endSessions(
  { database }: Uses<'database'>,
  transaction: Transaction,
  person: Person,
): Promise<number | null> {
  const { sessions } = database.application;
  if (sessions === undefined) return null;
  const ended = await sessions.end(transaction, person);
  return (await sessions.count(transaction, person)) === 0 ? ended : ended + (await sessions.end(transaction, person));
}

const without = (record: MfaRecord, gone: readonly Factor[]): readonly Factor[] =>
  liveOf(record).filter(({ id }) => !gone.some((one) => one.id === id));

function chosen({ factors, person }: MfaRecord, factorId: string | null): Factor[] {
  const live = factors.filter(({ state, secret }) => state !== 'inactive' || secret === undefined);
  if (factorId === null) return live.filter(({ state }) => state !== 'inactive');
  const [one] = live.filter(({ id }) => id === factorId);
  if (one !== undefined) return [one];
  throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' has no active factor '${factorId}'`, {
    why: live.length === 0 ? 'this user has no active factor' : live.map(({ id, kind }) => `${id}  ${kind}`).join('\n'),
  });
}

function sessionLines({ sessions }: MfaRecord, { sessions: kept }: Application): string[] {
  if (kept === undefined)
    return ['this application stores no sessions in its database: open sessions stay valid until they expire'];
  const after = kept.afterwards === undefined ? [] : [kept.afterwards];
  if (sessions === null || sessions === 0) return after;
  return [sessions === 1 ? '1 session ends' : `${sessions} sessions end`, ...after];
}

function next({ database, policy }: Uses<'database' | 'policy'>, { person }: MfaRecord): string {
  const { application } = database;
  if (application.mfa.requireEnrollment) return `${nameOf(person)} must enroll again at the next sign-in`;
  const lockedOut = person.isAdmin && policy.requiredForAdmin ? application.mfa.facts.requiredForAdmin : undefined;
  return lockedOut ?? `${nameOf(person)} can enroll again; the application does not ask for it`;
}
