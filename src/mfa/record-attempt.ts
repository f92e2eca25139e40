import type { Application } from '../applications/application.js';
import type { Verdict } from './attempt.js';
import type { Uses } from './deps.js';
import { checkKept, unchanged } from './kept.js';
import { keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { Transaction } from './transaction.js';

/** With this many codes left or fewer, the user should get new ones. */
export const FEW_CODES = 3;

/** Why a code was checked. */
export interface AttemptPurpose {
  /** Action in the journal, e.g. `mfa.verify`. */
  readonly action: 'mfa.verify' | 'mfa.confirm' | 'mfa.explain';
  readonly factorId: string | null;
}

/**
 * Records the result of a code check in the journal, in the application's audit table and, if suspicious, as a security event, in the
 * transaction that counted it.
 *
 * @returns the number of the journal entry
 * @throws E_NOT_KEPT if the database did not remove a used backup code
 */
export async function recordAttempt(
  deps: Uses<'database' | 'journal' | 'actor'>,
  transaction: Transaction,
  record: MfaRecord,
  verdict: Verdict,
  { action, factorId }: AttemptPurpose,
): Promise<string> {
  const { person } = record;
  const { actor, journal, database } = deps;
  const { application } = database;
  const { operator, ticket, runId, traceId, reason } = actor;
  const facts = factsOf(verdict);
  const accepted = verdict.verdict === 'accepted';
  if (verdict.verdict !== 'blocked') {
    const details = { potctl: true, operator, reason: reason ?? 'caller check' };
    const event = accepted ? ('passed' as const) : ('failed' as const);
    await application.audit?.append(transaction, person, { event, factorId, details, runId, traceId });
  }
  const alarm = alarmOf(verdict, application);
  if (alarm !== null) {
    await application.security?.append(transaction, person, {
      ...alarm,
      details: { potctl: true, run_id: runId, ...facts },
    });
  }
  const seq = await journal.append(transaction, {
    ...{ operator, ticket, runId, traceId, action, reason: reason ?? 'caller check' },
    target: keyOf(application, person),
    status: accepted ? 'done' : 'refused',
    details: {
      ...{ application: application.name, person: nameOf(person), ...facts },
      ...(actor.breakGlass && { break_glass: true }),
    },
  });
  if (verdict.verdict === 'accepted' && verdict.by === 'backup') {
    const codes = record.codes?.filter((_, at) => at !== verdict.index) ?? null;
    await checkKept(deps, transaction, person, { ...unchanged(record), codes });
  }
  return seq;
}

function factsOf(verdict: Verdict): Record<string, unknown> {
  switch (verdict.verdict) {
    case 'blocked':
      return { event: 'MFA_BLOCKED', until: verdict.until };
    case 'replayed':
      return { event: 'MFA_CODE_REPLAYED', offset_steps: verdict.match.offset };
    case 'spent':
      return { event: 'MFA_CODE_SPENT', offset_steps: verdict.match.offset };
    case 'wrong':
      return { event: 'MFA_CODE_WRONG', ...(verdict.match !== null && { offset_steps: verdict.match.offset }) };
    default:
      return verdict.by === 'totp'
        ? { event: 'MFA_CODE_ACCEPTED', by: 'totp', offset_steps: verdict.match.offset }
        : { event: 'MFA_BACKUP_CODE_USED', by: 'backup', codes_left: verdict.left };
  }
}

/** A valid code that is used twice was most likely seen by somebody else. */
function alarmOf(
  verdict: Verdict,
  { security }: Application,
): { type: string; severity: 'MEDIUM' | 'HIGH'; description: string } | null {
  if (verdict.verdict === 'replayed') {
    const description = 'A correct code that was used before was given to potctl';
    return { type: 'MFA_CODE_REPLAYED', severity: 'HIGH', description };
  }
  if (verdict.verdict === 'accepted' && verdict.by === 'backup') {
    const severity = verdict.left <= 1 ? 'HIGH' : 'MEDIUM';
    return { type: 'MFA_BACKUP_CODE_USED', severity, description: `A backup code was used; ${verdict.left} left` };
  }
  const type = security?.failedCode;
  if (verdict.verdict !== 'wrong' || type === undefined) return null;
  return { type, severity: 'MEDIUM', description: 'A code given to potctl was refused' };
}
