import type { Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import { gate, judge, refusedCode, type Verdict } from './attempt.js';
import { CODES } from './backup-codes.js';
import { lockAgreed, requireState } from './change.js';
import { checkClock } from './clock-check.js';
import { codeKindOf, codesUse, makeCodes, type NewCodes, storeCodes } from './codes.js';
import type { Delivery, SecretPlace } from './delivery.js';
import type { MfaDeps, Uses } from './deps.js';
import { type Caution, guardChange, refuseUnexplained } from './guard.js';
import { checkKept, type Expected, liveOf } from './kept.js';
import { argumentOf, findOne, keyOf, nameOf } from './people.js';
import { type MfaRecord, type MfaState, type Pending, readRecord } from './record.js';
import { recordAttempt } from './record-attempt.js';
import type { ChangeRequest, CodeForm, Named } from './request.js';
import { inTransaction, type Transaction } from './transaction.js';
import { readTypedCode } from './typed-code.js';

/** The first code of an enrollment. */
export interface ConfirmRequest extends ChangeRequest {
  /** Asks for the code, which is returned as typed; the last question. */
  code(): Promise<string>;
  /** Form of the backup codes. Default: the profile's `mfa.code_form`. */
  readonly form?: CodeForm | undefined;
  /** Continue although the clocks of this machine and the database differ. */
  readonly trustClock?: boolean | undefined;
  /** Chooses where backup codes go; not called if the application has none. @param about.use what they are for; printed after a colon */
  place(about: { readonly person: Named; readonly use: string }): Promise<SecretPlace>;
}

/** How a code is confirmed. */
interface ConfirmOptions {
  readonly form: CodeForm;
  readonly trustClock: boolean;
}

/** Whose factor is to be enabled; known before the code is asked for. */
export interface ConfirmPlan {
  readonly record: MfaRecord;
  readonly caution: Caution;
  /** False: it is already enabled. */
  readonly changes: boolean;
}

export interface ConfirmResult {
  readonly person: { readonly id: string; readonly name: string; readonly email: string | null };
  readonly state: MfaState;
  readonly changed: boolean;
  readonly codes_left: number | null;
  /** null in a dry run, and if it was already enabled. */
  readonly journal_seq: string | null;
  readonly warnings: readonly Advice[];
  /** Where backup codes went; null = none were made. */
  readonly codes_to: string | null;
  /** What they are for; printed after a colon. */
  readonly codes_use: string | null;
}

/**
 * Checks that an enrollment awaits its first code. Applying it asks where backup codes go, asks for the code and enables the factor; if it
 * is already enabled, nothing is asked.
 *
 * @throws as planConfirm
 */
export async function prepareConfirm(
  deps: MfaDeps,
  request: ConfirmRequest,
): Promise<Prepared<ConfirmPlan, ConfirmResult>> {
  const plan = await planConfirm(deps, request.user);
  return {
    plan,
    dryRun: async () => unconfirmed(plan),
    apply: async () => (plan.changes ? confirm(deps, plan, request) : unconfirmed(plan)),
  };
}

async function confirm(deps: MfaDeps, plan: ConfirmPlan, request: ConfirmRequest): Promise<ConfirmResult> {
  const { application } = deps.database;
  const { person } = plan.record;
  const form = request.form ?? deps.policy.codeForm;
  const use = codesUse(application, form);
  const hasCodes = application.mfa.codes !== undefined;
  const place = hasCodes ? await request.place({ person: { name: nameOf(person), id: person.id }, use }) : null;
  const delivery = (await place?.open()) ?? null;
  const options = { form, trustClock: request.trustClock ?? false };
  const result = await confirmCode(deps, plan, await request.code(), options, delivery);
  return { ...result, codes_to: delivery?.to ?? null, codes_use: delivery && use };
}

/**
 * Checks that an enrollment awaits its first code and that this operator may enable it. Changes nothing.
 *
 * @throws E_MFA_STATE (no pending enrollment, or it expired), and as guardChange; E_USER_*, E_SETUP_MISSING, E_DB_*
 */
async function planConfirm(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
): Promise<ConfirmPlan> {
  refuseUnexplained(deps);
  const session = await deps.database.session('mfa.confirm.plan');
  try {
    const { person, alike } = await findOne(session, deps.database.application, wanted);
    const record = await readRecord(deps, session, person);
    requireState(record);
    const changes = record.state !== 'enabled' || record.pending !== null;
    if (changes) pendingOf(record);
    const { guarded, warnings } = await guardChange(deps, session, person, 'confirm');
    return { record, caution: { guarded, warnings: [...alike, ...warnings] }, changes };
  } finally {
    await session.close();
  }
}

/**
 * Checks the first code, which proves that the app has the secret, and in one transaction enables the factor, uses up the code and stores
 * new backup codes. A refused code is counted.
 *
 * @param delivery gets the backup codes, one per line; null = the application has none
 * @throws E_USAGE, E_CODE_REFUSED, E_MFA_BLOCKED, E_MFA_CHANGED, E_MFA_STATE, E_MFA_SECRET, E_MFA_KEY, E_CLOCK, E_NOT_KEPT, E_UNSUPPORTED,
 * E_DB_*, and what `delivery` throws before the commit
 */
async function confirmCode(
  deps: Uses<'database' | 'clock' | 'journal' | 'actor' | 'keys'>,
  plan: ConfirmPlan,
  typed: string,
  options: ConfirmOptions,
  delivery: Delivery | null,
): Promise<Omit<ConfirmResult, 'codes_to' | 'codes_use'>> {
  const { application } = deps.database;
  const { person } = plan.record;
  const code = readTypedCode(typed, application, 'refused');
  const codes = application.mfa.codes && (await makeCodes(codeKindOf(application, options.form)));
  const session = await deps.database.session('mfa.confirm');
  try {
    const late = await checkClock(session, deps.clock, options.trustClock);
    let takeBack: () => Promise<void> = async () => {};
    const done = await inTransaction(session, deps.actor.runId, async (transaction) => {
      const until = await gate(deps, transaction, person);
      const record = await lockAgreed(deps, transaction, plan.record);
      const { factors } = pendingOf(record);
      const verdict: Verdict =
        until === null
          ? await judge(deps, transaction, record, factors, { typed: code, stored: null })
          : { verdict: 'blocked', until };
      if (verdict.verdict === 'accepted' && verdict.by === 'totp') {
        const { id } = verdict.factor;
        await switchOn(deps, transaction, record, id, codes);
        const seq = await noteConfirmed(deps, transaction, plan, id, options);
        await checkKept(deps, transaction, record.person, switchedOn(record, id, codes));
        if (codes !== undefined) takeBack = (await delivery?.prepare(codes.shown)) ?? takeBack;
        return { verdict, seq };
      }
      const purpose = { action: 'mfa.confirm' as const, factorId: factors[0]!.id };
      return { verdict, seq: await recordAttempt(deps, transaction, record, verdict, purpose) };
    }).catch(async (error: unknown) => {
      await takeBack();
      throw error;
    });
    if (done.verdict.verdict !== 'accepted') throw refusedCode(done.verdict, person);
    if (codes !== undefined) await delivery?.hand(codes.shown);
    const warnings = [...(late === null ? [] : [late]), ...plan.caution.warnings];
    const left = codes === undefined ? null : CODES;
    return {
      person: named(person),
      state: 'enabled',
      changed: true,
      codes_left: left,
      journal_seq: done.seq,
      warnings,
    };
  } finally {
    await session.close();
  }
}

const named = (person: Person): ConfirmResult['person'] => ({
  id: person.id,
  name: nameOf(person),
  email: person.email,
});

/** Returns the result if nothing was done: already enabled, or a dry run. */
function unconfirmed({ record: { person, codes, state }, caution }: ConfirmPlan): ConfirmResult {
  const { warnings } = caution;
  return {
    ...{ person: named(person), state, changed: false, codes_left: codes?.length ?? null, journal_seq: null, warnings },
    ...{ codes_to: null, codes_use: null },
  };
}

/** @throws E_MFA_STATE without a pending enrollment, or if it expired; E_DB_DENIED if this role cannot see pending enrollments */
function pendingOf({ person, pending, state }: MfaRecord): Pending {
  const fix = [potctl('mfa', 'enroll', argumentOf(person))];
  if (state === 'unknown') {
    throw new PotctlError('E_DB_DENIED', 'this database role cannot read secrets, so it cannot check the first code', {
      fix: ['Let the user confirm it in the application, or use a database role that can read secrets.'],
    });
  }
  if (pending === null) {
    const why = state === 'enabled' ? 'the second factor is already enabled' : 'no enrollment was started';
    throw new PotctlError('E_MFA_STATE', `there is nothing to confirm for '${nameOf(person)}'`, {
      why,
      ...(state !== 'enabled' && { fix }),
    });
  }
  if (!pending.expired) return pending;
  throw new PotctlError('E_MFA_STATE', `the enrollment of '${nameOf(person)}' has expired`, {
    why: `it was started ${pending.since}; potctl confirms a new secret only within 24 hours`,
    fix,
  });
}

async function switchOn(
  deps: Uses<'database'>,
  transaction: Transaction,
  record: MfaRecord,
  factorId: string,
  codes: NewCodes | undefined,
): Promise<void> {
  const { application } = deps.database;
  const { person } = record;
  await application.mfa.enable(transaction, person, factorId);
  if (codes !== undefined) await storeCodes(deps, transaction, record, codes);
  await transaction.query('select potctl.mfa_enrollment_ended($1)', [keyOf(application, person)]);
}

/** What the database must contain afterwards. */
const switchedOn = (record: MfaRecord, factorId: string, codes: NewCodes | undefined): Expected => ({
  factors: liveOf(record).map((one) => (one.id === factorId ? { ...one, state: 'enabled' } : one)),
  codes: codes?.stored ?? null,
});

async function noteConfirmed(
  { database, actor, journal }: Uses<'database' | 'journal' | 'actor'>,
  transaction: Transaction,
  { record: { person, state }, caution }: ConfirmPlan,
  factorId: string,
  { form }: ConfirmOptions,
): Promise<string> {
  const { application } = database;
  const { operator, reason, ticket, runId, traceId, osUser, hostname, toolVersion } = actor;
  const details = { potctl: true, operator, reason, ticket };
  await application.audit?.append(transaction, person, { event: 'confirm', factorId, details, runId, traceId });
  return journal.append(transaction, {
    ...{ operator, ticket, runId, traceId, reason: reason ?? '', status: 'done' as const },
    action: 'mfa.confirm',
    target: keyOf(application, person),
    details: {
      ...{ changed: true, application: application.name, person: nameOf(person), email: person.email },
      ...{ from: state, to: 'enabled', factor: factorId, codes_left: application.mfa.codes ? CODES : null, form },
      ...(caution.guarded.length > 0 && { break_glass: caution.guarded }),
      by: { os_user: osUser, host: hostname, potctl: toolVersion },
    },
  });
}
