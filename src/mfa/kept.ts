import type { Factor, Person } from '../applications/application.js';
import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import type { Uses } from './deps.js';
import { nameOf, readPerson } from './people.js';
import { type MfaRecord, type MfaState, readRecord } from './record.js';
import type { Transaction } from './transaction.js';

/** What the database must contain after a change. */
export interface Expected {
  /** All enabled and pending factors, with their secrets as stored. */
  readonly factors: readonly Pick<Factor, 'id' | 'state' | 'secret'>[];
  /** Backup codes as stored; null = the application has none, or this role cannot read them. */
  readonly codes: readonly string[] | null;
  /** All sessions are closed. */
  readonly noSessions?: true;
  /** The application requires a new enrollment at the next sign-in. */
  readonly mustEnroll?: true;
  /** Neither the application nor potctl locks the person out. */
  readonly unlocked?: true;
}

/** Returns the factors that are enabled or pending. */
export const liveOf = ({ factors }: Pick<MfaRecord, 'factors'>): readonly Factor[] =>
  factors.filter(({ state }) => state !== 'inactive');

/** Expects factors and codes as they are, for changes that touch only a part. */
export const unchanged = (record: Pick<MfaRecord, 'factors' | 'codes'>): Expected => ({
  factors: liveOf(record),
  codes: record.codes,
});

/** Returns the state that results from these factors. */
export const stateOfFactors = (factors: Expected['factors']): MfaState =>
  factors.some(({ state }) => state === 'enabled') ? 'enabled' : factors.length > 0 ? 'pending' : 'off';

/**
 * Reads everything back and compares it by value, right before the commit; deferred triggers run first. Otherwise a rule that drops an
 * update, or a trigger that rewrites it, would go unnoticed.
 *
 * @throws E_NOT_KEPT with what differs, but never a value; E_DB_CONSTRAINT from a deferred trigger
 */
export async function checkKept(
  deps: Uses<'database' | 'journal'>,
  transaction: Transaction,
  person: Person,
  expected: Expected,
): Promise<MfaRecord> {
  await transaction.query('set constraints all immediate');
  const found = await readRecord(deps, transaction, person);
  const { application } = deps.database;
  const mustEnroll = expected.mustEnroll && (await application.mfa.mustEnroll?.(transaction, person)) === false;
  const problems = [
    ...differentFactors(found, expected.factors),
    ...differentCodes(found.codes, expected.codes),
    ...(expected.noSessions && found.sessions
      ? [`${counted(found.sessions, 'session')} ${verb(found.sessions, 'is', 'are')} still open`]
      : []),
    ...(mustEnroll ? ['the application does not require a new enrollment'] : []),
    ...(expected.unlocked ? await stillLocked(deps, transaction, found) : []),
  ];
  if (problems.length === 0) return found;
  throw notKept(person, problems);
}

/** Returns the error for a change that the database dropped or rewrote. */
export const notKept = (person: Person, problems: readonly string[]): PotctlError =>
  new PotctlError('E_NOT_KEPT', `the database did not store what was written for '${nameOf(person)}'`, {
    why: problems.join('\n'),
  });

function differentFactors(found: MfaRecord, wanted: Expected['factors']): string[] {
  const rest = new Map(found.factors.map((factor) => [factor.id, factor]));
  const problems = wanted.flatMap(({ id, state, secret }) => {
    const factor = rest.get(id);
    rest.delete(id);
    // Where a pending secret is a column of the user's row, a role that cannot read secrets does not see it.
    const unseen = state === 'pending' && factor?.secret === undefined && factor?.createdAt === null;
    if (factor?.state !== state && !unseen) return [`the factor is ${factor?.state ?? 'missing'}, not ${state}`];
    const both = secret !== undefined && factor?.secret !== undefined;
    return both && secret !== factor.secret ? ['the stored secret is a different one'] : [];
  });
  const left = [...rest.values()].filter(({ state }) => state !== 'inactive');
  return [...problems, ...left.map(({ kind, state }) => `a factor (${kind}) is still ${state}`)];
}

function differentCodes(found: readonly string[] | null, wanted: readonly string[] | null): string[] {
  if (found === null || wanted === null) return [];
  const [have, want] = [found, wanted].map((codes) => [...codes].sort());
  if (JSON.stringify(have) === JSON.stringify(want)) return [];
  const ours = found.filter((code) => wanted.includes(code)).length;
  return [
    `${counted(found.length, 'backup code')} ${verb(found.length, 'is', 'are')} stored, ${ours} of them correct; expected ${wanted.length}`,
  ];
}

async function stillLocked(
  { database }: Uses<'database'>,
  transaction: Transaction,
  { person, verifier }: MfaRecord,
): Promise<string[]> {
  const again = await readPerson(transaction, database.application, person.id);
  return [
    ...(again?.lockedUntil != null && database.application.mfa.unlock
      ? ['the account is still locked by the application']
      : []),
    ...(verifier?.blockedUntil != null ? ['the account is still blocked by potctl'] : []),
  ];
}
