import type { Factor, Person } from '../applications/application.js';
import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import type { Uses } from './deps.js';
import { nameOf, readPerson } from './people.js';
import { type MfaRecord, type MfaState, readRecord } from './record.js';
import type { Transaction } from './transaction.js';

/** What must stand in the database when a change is over. */
export interface Expected {
  /** All factors that are on or wait for their first code, each with its secret as stored. */
  readonly factors: readonly Pick<Factor, 'id' | 'state' | 'secret'>[];
  /** Backup codes as stored; null = the application has none, or this role may not read them. */
  readonly codes: readonly string[] | null;
  /** No session is live any more. */
  readonly noSessions?: true;
  /** The application asks for a new enrollment at the next login. */
  readonly mustEnroll?: true;
  /** Neither the application nor potctl locks the person out. */
  readonly unlocked?: true;
}

/** The factors that the application would ask for or could switch on. */
export const liveOf = ({ factors }: Pick<MfaRecord, 'factors'>): readonly Factor[] =>
  factors.filter(({ state }) => state !== 'inactive');

/** Such a record as it is, for changes that touch only a part of it. */
export const unchanged = (record: Pick<MfaRecord, 'factors' | 'codes'>): Expected => ({
  factors: liveOf(record),
  codes: record.codes,
});

/** The state that these factors mean. */
export const stateOfFactors = (factors: Expected['factors']): MfaState =>
  factors.some(({ state }) => state === 'enabled') ? 'enabled' : factors.length > 0 ? 'pending' : 'off';

/**
 * Reads everything back and compares it by value, as the last thing before the commit: triggers that wait for the commit run first. A rule
 * that drops an update, or a trigger that rewrites one, would otherwise be reported as success.
 *
 * @throws E_NOT_KEPT with what differs, never with a value; E_DB_CONSTRAINT from a trigger that waited
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
      ? [`${counted(found.sessions, 'session')} ${verb(found.sessions, 'is', 'are')} still live`]
      : []),
    ...(mustEnroll ? ['the application does not ask for a new enrollment'] : []),
    ...(expected.unlocked ? await stillLocked(deps, transaction, found) : []),
  ];
  if (problems.length === 0) return found;
  throw notKept(person, problems);
}

/** The error of a change that the database dropped or rewrote. */
export const notKept = (person: Person, problems: readonly string[]): PotctlError =>
  new PotctlError('E_NOT_KEPT', `the database did not keep what was written for '${nameOf(person)}'`, {
    why: problems.join('\n'),
  });

function differentFactors(found: MfaRecord, wanted: Expected['factors']): string[] {
  const rest = new Map(found.factors.map((factor) => [factor.id, factor]));
  const problems = wanted.flatMap(({ id, state, secret }) => {
    const factor = rest.get(id);
    rest.delete(id);
    // What waits looks like nothing to a role that may not read secrets, where it stands in the person's own row.
    const unseen = state === 'pending' && factor?.secret === undefined && factor?.createdAt === null;
    if (factor?.state !== state && !unseen) return [`the factor is ${factor?.state ?? 'gone'}, not ${state}`];
    const both = secret !== undefined && factor?.secret !== undefined;
    return both && secret !== factor.secret ? ['the secret that is stored is another one'] : [];
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
    `${counted(found.length, 'backup code')} ${verb(found.length, 'is', 'are')} stored, ${ours} of the ${wanted.length} that should be`,
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
      ? ['the application still locks the account']
      : []),
    ...(verifier?.blockedUntil != null ? ['potctl still blocks the account'] : []),
  ];
}
