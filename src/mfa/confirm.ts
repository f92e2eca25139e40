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
  /** Asks for the code, as it was typed; the last question of all. */
  code(): Promise<string>;
  /** Of the backup codes that are handed out. Default: as the profile says. */
  readonly form?: CodeForm | undefined;
  /** Go on although the clocks of this machine and the database differ. */
  readonly trustClock?: boolean | undefined;
  /** Chooses where backup codes go; not asked where the application has none. @param about.use what they are good for, to follow a colon */
  place(about: { readonly person: Named; readonly use: string }): Promise<SecretPlace>;
}

/** How a code is confirmed. */
interface ConfirmOptions {
  readonly form: CodeForm;
  readonly trustClock: boolean;
}

/** Whom it is about, before the code is asked for. */
export interface ConfirmPlan {
  readonly record: MfaRecord;
  readonly caution: Caution;
  /** False: it is enabled already. */
  readonly changes: boolean;
}

export interface ConfirmResult {
  readonly person: { readonly id: string; readonly name: string; readonly email: string | null };
  readonly state: MfaState;
  readonly changed: boolean;
  readonly codes_left: number | null;
  /** null in a dry run, and where it was enabled already. */
  readonly journal_seq: string | null;
  readonly warnings: readonly Advice[];
  /** Where backup codes went; null = none were made. */
  readonly codes_to: string | null;
  /** What they are good for, to follow a colon. */
  readonly codes_use: string | null;
}

/**
 * Looks whether an enrollment waits for its first code. Applied, it asks for a place for the backup codes and for the code, and switches the
 * factor on; where it is on already, nobody is asked anything.
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
 * Is there an enrollment that waits for its first code, and may this operator switch it on? Changes nothing.
 *
 * @throws E_MFA_STATE (nothing waits, or it is too old), and as guardChange; E_USER_*, E_SETUP_MISSING, E_DB_*
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
 * The first code proves that the secret arrived: the factor is switched on, the code used up, and a set of backup codes handed out, in one
 * transaction. A refused code is counted.
 *
 * @param delivery gets the backup codes, one a line; null where the application has none
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

/** The answer where nothing is done: it is enabled already, or it was only tried. */
function unconfirmed({ record: { person, codes, state }, caution }: ConfirmPlan): ConfirmResult {
  const { warnings } = caution;
  return {
    ...{ person: named(person), state, changed: false, codes_left: codes?.length ?? null, journal_seq: null, warnings },
    ...{ codes_to: null, codes_use: null },
  };
}

/** @throws E_MFA_STATE when nothing waits for a first code, or it has waited too long; E_DB_DENIED where nobody can see that */
function pendingOf({ person, pending, state }: MfaRecord): Pending {
  const fix = [potctl('mfa', 'enroll', argumentOf(person))];
  if (state === 'unknown') {
    throw new PotctlError('E_DB_DENIED', 'this role may not read secrets, so it cannot check a first code', {
      fix: ['Let the person confirm it in the application, or confirm it with a role that may read secrets.'],
    });
  }
  if (pending === null) {
    const why = state === 'enabled' ? 'its second factor is enabled already' : 'no enrollment has begun';
    throw new PotctlError('E_MFA_STATE', `there is nothing to confirm for '${nameOf(person)}'`, {
      why,
      ...(state !== 'enabled' && { fix }),
    });
  }
  if (!pending.expired) return pending;
  throw new PotctlError('E_MFA_STATE', `the enrollment of '${nameOf(person)}' is too old to be confirmed`, {
    why: `it began ${pending.since}; potctl confirms a secret for 24 hours`,
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

/** What must stand in the database then. */
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
  const told = { potctl: true, operator, reason, ticket };
  await application.audit?.append(transaction, person, { event: 'confirm', factorId, details: told, runId, traceId });
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
