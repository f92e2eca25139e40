import { gate, judge, matchBackupCode, type Verdict } from './attempt.js';
import { requireState } from './change.js';
import { clockDifference } from './clock-check.js';
import type { MfaDeps } from './deps.js';
import { type Diagnosis, diagnose, readOffsets } from './diagnosis.js';
import { noteLookup } from './lookups.js';
import { findPerson, keyOf } from './people.js';
import { type MfaRecord, readRecord } from './record.js';
import { recordAttempt } from './record-attempt.js';
import { statusOf } from './status.js';
import { inTransaction } from './transaction.js';
import { readTypedCode } from './typed-code.js';

/** A request to find out why a user cannot sign in. */
export interface ExplainRequest {
  /** Id, email or user name. */
  readonly user: string;
  /** Asks for the code that the app shows; absent = without a code. */
  readonly code?: (() => Promise<string>) | undefined;
}

/**
 * Finds out why a user cannot sign in: reads lock, state, secret, clock and history; with a code also says whether it is correct and how many
 * seconds it is off. Since this reveals whether a code is correct, it is used up, counted and throttled as in `verify`.
 *
 * @param typed null = no code
 * @throws E_USAGE (not a code; nothing is counted), E_SETUP_MISSING (a code, but no schema to count it in), E_USER_*, E_APPLICATION, E_DB_*
 */
export async function explainPerson(deps: MfaDeps, wanted: string, typed: string | null): Promise<Diagnosis> {
  const { database, clock } = deps;
  const code = typed === null ? null : readTypedCode(typed, database.application, 'allowed');
  const session = await database.session('mfa.explain');
  try {
    const person = await findPerson(session, database.application, wanted);
    const record = await readRecord(deps, session, person);
    await noteLookup(deps, session, record, 'mfa.explain');
    const difference = await clockDifference(session, clock);
    const status = await statusOf(deps, record);
    if (code !== null) requireState(record);
    const canCheck = code !== null && record.enabled.some(({ kind }) => kind === 'totp');
    const stored = canCheck ? await matchBackupCode(deps, record, code) : null;
    const earlierOffsets =
      canCheck && record.verifier !== null ? await readOffsets(session, keyOf(database.application, person)) : [];
    let { nowMs } = record;
    const verdict = canCheck
      ? await inTransaction(session, deps.actor.runId, async (transaction) => {
          const until = await gate(deps, transaction, person);
          // Read again under the lock: a backup code used meanwhile is gone, and the indexes of the others have changed.
          const fresh = until === null ? await readRecord(deps, transaction, person, true) : record;
          nowMs = fresh.nowMs;
          const found: Verdict =
            until === null
              ? await judge(deps, transaction, fresh, totpOf(fresh), { typed: code, stored })
              : { verdict: 'blocked', until };
          await recordAttempt(deps, transaction, fresh, found, { action: 'mfa.explain', factorId: null });
          return found;
        })
      : null;
    const seen = { status, record, verdict, clockMs: difference, codeGiven: code !== null };
    return diagnose(deps, { ...seen, nowMs, earlierOffsets });
  } finally {
    await session.close();
  }
}

const totpOf = ({ enabled }: MfaRecord): MfaRecord['enabled'] => enabled.filter(({ kind }) => kind === 'totp');
