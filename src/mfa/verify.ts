import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { gate, judge, matchBackupCode, refusedCode, type Verdict } from './attempt.js';
import { requireState } from './change.js';
import { checkClock } from './clock-check.js';
import type { MfaDeps } from './deps.js';
import { refuseProtected } from './guard.js';
import { argumentOf, findPerson, nameOf } from './people.js';
import { type MfaRecord, readRecord } from './record.js';
import { FEW_CODES, recordAttempt } from './record-attempt.js';
import { PERIOD_S } from './totp.js';
import { inTransaction } from './transaction.js';
import { readTypedCode, type TypedCode } from './typed-code.js';

/** A request to verify a caller's identity. */
export interface VerifyRequest {
  /** Id, email or user name. */
  readonly user: string;
  /** Asks for the code, which is returned as typed. */
  code(): Promise<string>;
  /** Continue although the clocks of this machine and the database differ. */
  readonly trustClock?: boolean | undefined;
  /** Override the guard if the profile protects `mfa.verify`. */
  readonly breakGlass?: boolean | undefined;
}

export interface VerifyResult {
  readonly person: { readonly id: string; readonly name: string; readonly email: string | null };
  readonly accepted: true;
  readonly by: 'totp' | 'backup';
  /** Id of the factor; null for a backup code. */
  readonly factor: string | null;
  /** By how many time steps the person's clock is off; negative = slow. */
  readonly offset_steps: number;
  readonly offset_s: number;
  readonly codes_left: number | null;
  readonly journal_seq: string;
  readonly warnings: readonly Advice[];
}

/**
 * Verifies a caller's identity by a code or backup code, which is used up: potctl never accepts it again.
 *
 * A refused code is counted and recorded, and that is committed before the error is thrown.
 *
 * @param typed as it was typed
 * @throws E_BREAK_GLASS (protected by the profile), E_USAGE (not a code; nothing is counted), E_CODE_REFUSED, E_MFA_BLOCKED, E_MFA_STATE,
 * E_MFA_SECRET, E_MFA_KEY, E_CLOCK, E_USER_*, E_SETUP_MISSING, E_DB_*
 */
export async function verifyCode(
  deps: MfaDeps,
  wanted: string,
  typed: string,
  { trustClock }: { readonly trustClock: boolean },
): Promise<VerifyResult> {
  const { application } = deps.database;
  refuseProtected(deps, 'verify');
  const code = readTypedCode(typed, application, 'allowed');
  const session = await deps.database.session('mfa.verify');
  try {
    const person = await findPerson(session, application, wanted);
    const before = await readRecord(deps, session, person);
    requireState(before);
    refuseWithoutFactor(before, code);
    const late = await checkClock(session, deps.clock, trustClock);
    const stored = await matchBackupCode(deps, before, code);
    const done = await inTransaction(session, deps.actor.runId, async (transaction) => {
      const until = await gate(deps, transaction, person);
      const record = until === null ? await readRecord(deps, transaction, person, true) : before;
      refuseWithoutFactor(record, code);
      const factors = record.enabled.filter(({ kind }) => kind === 'totp');
      const verdict: Verdict =
        until === null
          ? await judge(deps, transaction, record, factors, { typed: code, stored })
          : { verdict: 'blocked', until };
      const factorId = verdict.verdict === 'accepted' && verdict.by === 'totp' ? verdict.factor.id : null;
      const seq = await recordAttempt(deps, transaction, record, verdict, { action: 'mfa.verify', factorId });
      return { verdict, seq, record };
    });
    return resultOf(done.verdict, done.record, done.seq, late);
  } finally {
    await session.close();
  }
}

function refuseWithoutFactor({ person, state, enabled, codes }: MfaRecord, code: TypedCode): void {
  const can = code.kind === 'totp' ? enabled.some(({ kind }) => kind === 'totp') : state === 'enabled';
  if (can) return;
  const none = state === 'pending' ? 'its enrollment is not confirmed yet' : 'no factor is enabled';
  throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' has no second factor that uses codes`, {
    why: enabled.length > 0 ? 'the enabled factors do not use codes' : none,
    ...(state === 'pending' && { fix: [potctl('mfa', 'confirm', argumentOf(person))] }),
    ...(codes === null && {}),
  });
}

function resultOf(verdict: Verdict, { person, codes }: MfaRecord, seq: string, late: string | null): VerifyResult {
  if (verdict.verdict !== 'accepted') throw refusedCode(verdict, person);
  const left = verdict.by === 'backup' ? verdict.left : (codes?.length ?? null);
  const offset = verdict.by === 'totp' ? verdict.match.offset : 0;
  return {
    person: { id: person.id, name: nameOf(person), email: person.email },
    ...{ accepted: true, by: verdict.by, journal_seq: seq, codes_left: left },
    factor: verdict.by === 'totp' ? verdict.factor.id : null,
    offset_steps: offset,
    offset_s: offset * PERIOD_S,
    warnings: [
      ...(late === null ? [] : [late]),
      ...(left !== null && left <= FEW_CODES
        ? [
            advice`${counted(left, 'backup code')} ${verb(left, 'is', 'are')} left: ${potctl('mfa', 'codes', argumentOf(person))}`,
          ]
        : []),
    ],
  };
}
