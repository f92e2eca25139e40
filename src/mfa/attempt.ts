import type { Factor } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { potctl } from '../kernel/next.js';
import { findBackupCode } from './backup-codes.js';
import type { Uses } from './deps.js';
import { secretOf } from './factor-secret.js';
import { argumentOf, keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';
import { markOf } from './secret-mark.js';
import { type CodeMatch, DIAGNOSIS_STEPS, findCode, stepAt } from './totp.js';
import type { Transaction } from './transaction.js';
import type { TypedCode } from './typed-code.js';
import { untilText } from './verifier-state.js';

/** The result of checking a code. All verdicts but `accepted` must look the same to the caller. */
export type Verdict =
  | { readonly verdict: 'accepted'; readonly by: 'totp'; readonly factor: Factor; readonly match: CodeMatch }
  | { readonly verdict: 'accepted'; readonly by: 'backup'; readonly index: number; readonly left: number }
  | { readonly verdict: 'replayed'; readonly match: CodeMatch }
  /** The application itself accepted a code in the same time step; it does not store which one. */
  | { readonly verdict: 'spent'; readonly match: CodeMatch }
  /** `match`: how many time steps ago or ahead the code would have been correct. */
  | { readonly verdict: 'wrong'; readonly match: CodeMatch | null }
  | { readonly verdict: 'blocked'; readonly until: string };

/**
 * Checks whether this person's codes may be checked now. Takes the person's lock; call it before reading anything.
 *
 * @returns until when they are blocked, RFC 3339, or `infinity`; null = not blocked
 */
export async function gate(
  deps: Uses<'database'>,
  transaction: Transaction,
  person: MfaRecord['person'],
): Promise<string | null> {
  const [row] = await transaction.query<{ until: string | null }>(
    `select case when until = 'infinity' then 'infinity' else to_char(until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end as until
       from potctl.mfa_gate($1) as until`,
    [keyOf(deps.database.application, person)],
  );
  return row!.until;
}

/**
 * Checks a code and counts it: a refused one as an attempt, an accepted one as used. Writes nothing else. The caller must commit in either case.
 *
 * @param factors the factors whose codes are accepted, e.g. only the pending one
 * @param code.stored what {@link matchBackupCode} found
 * @throws E_MFA_SECRET, E_MFA_KEY, E_DB_DENIED: nothing was counted then
 */
export async function judge(
  deps: Uses<'database' | 'keys'>,
  transaction: Transaction,
  record: MfaRecord,
  factors: readonly Factor[],
  { typed, stored }: { readonly typed: TypedCode; readonly stored: string | null },
): Promise<Verdict> {
  const found =
    typed.kind === 'totp'
      ? await judgeTotp(deps, transaction, record, factors, typed.code)
      : await judgeBackup(deps, transaction, record, stored);
  const counted = found.verdict === 'accepted' ? 'ok' : typed.kind;
  await transaction.query('select potctl.mfa_note($1, $2)', [keyOf(deps.database.application, record.person), counted]);
  return found;
}

async function judgeTotp(
  deps: Uses<'database' | 'keys'>,
  transaction: Transaction,
  { person, nowMs }: MfaRecord,
  factors: readonly Factor[],
  code: string,
): Promise<Verdict> {
  const { application } = deps.database;
  const { second, window } = application.mfa.totp;
  let near: CodeMatch | null = null;
  for (const { factor, secret } of await secretsOf(deps, person, factors)) {
    const match = findCode(secret, code, nowMs, { second, reach: DIAGNOSIS_STEPS });
    near ??= match;
    if (match === null || Math.abs(match.offset) > window) continue;
    const used = factor.lastUsedAt === null ? -1 : stepAt(Date.parse(factor.lastUsedAt), second);
    const key = `${application.name}:${factor.id}#${markOf(secret)}`;
    if (!(await takeStep(transaction, key, match, used))) {
      const spent = match.step <= used && (await isUnused(transaction, key, match));
      return { verdict: spent ? 'spent' : 'replayed', match };
    }
    await application.mfa.markUsed?.(transaction, factor.id, BigInt(match.step));
    return { verdict: 'accepted', by: 'totp', factor, match };
  }
  return { verdict: 'wrong', match: near };
}

/** Marks a time step as used. @returns false if potctl accepted a code of this or a later step, or the application one up to step `used` */
async function takeStep(transaction: Transaction, key: string, { step }: CodeMatch, used: number): Promise<boolean> {
  const [row] = await transaction.query<{ taken: boolean }>(
    'select potctl.mfa_take_step($1, $2::bigint, $3::bigint) as taken',
    [key, step, used],
  );
  return row!.taken;
}

/** Returns whether potctl itself has not accepted this step, without marking it as used. */
async function isUnused(transaction: Transaction, key: string, match: CodeMatch): Promise<boolean> {
  await transaction.query('savepoint looking');
  const unused = await takeStep(transaction, key, match, -1);
  await transaction.query('rollback to savepoint looking');
  return unused;
}

/** Returns the usable secrets; throws only if none is usable. */
async function secretsOf(deps: Uses<'database' | 'keys'>, person: MfaRecord['person'], factors: readonly Factor[]) {
  const found: { readonly factor: Factor; readonly secret: Uint8Array }[] = [];
  let problem: unknown;
  for (const factor of factors) {
    try {
      found.push({ factor, secret: await secretOf(deps, person, factor) });
    } catch (error) {
      problem ??= error;
    }
  }
  if (found.length === 0 && problem !== undefined) throw problem;
  return found;
}

/**
 * Finds the stored form of a backup code. Hashes take up to a second, so they are compared before the transaction, which then removes the
 * code by its stored form; the result is not revealed before the gate was passed.
 *
 * @throws E_DB_DENIED if this role cannot read backup codes
 */
export async function matchBackupCode(
  { database }: Uses<'database'>,
  { codes }: MfaRecord,
  typed: TypedCode,
): Promise<string | null> {
  if (typed.kind !== 'backup') return null;
  if (codes === null)
    throw new PotctlError('E_DB_DENIED', 'this database role cannot read backup codes, so it cannot check one');
  return codes[await findBackupCode(database.application.mfa.codes!.kind, typed.code, codes)] ?? null;
}

async function judgeBackup(
  { database }: Uses<'database'>,
  transaction: Transaction,
  { person, codes }: MfaRecord,
  stored: string | null,
): Promise<Verdict> {
  const store = database.application.mfa.codes!;
  const index = stored === null || codes === null ? -1 : codes.indexOf(stored);
  if (index < 0 || codes === null || !(await store.remove(transaction, person, index)))
    return { verdict: 'wrong', match: null };
  return { verdict: 'accepted', by: 'backup', index, left: codes.length - 1 };
}

/**
 * Returns the error for a code that was not accepted. Wrong, expired and reused codes look the same.
 *
 */
export function refusedCode(verdict: Verdict, person: MfaRecord['person']): PotctlError {
  const counted = { changed: 'nothing' as const, changedDetail: 'only the count of rejected codes' };
  if (verdict.verdict !== 'blocked') {
    return new PotctlError('E_CODE_REFUSED', `the code of '${nameOf(person)}' was not accepted`, counted);
  }
  const hard = verdict.until === 'infinity';
  return new PotctlError('E_MFA_BLOCKED', `codes of '${nameOf(person)}' are blocked`, {
    why: hard
      ? '100 codes in a row were refused: blocked until an operator resets the count'
      : `blocked ${untilText(verdict.until)}`,
    fix: [
      potctl('mfa', 'unlock', argumentOf(person), ...(hard ? ['--reset-consecutive'] : [])),
      ...(hard
        ? []
        : [
            'If that does not help, this database login had 30 codes refused today: check the code with another login.',
          ]),
    ],
  });
}
