import type { Factor, Person, SecretRules } from '../applications/application.js';
import type { Session } from '../postgres/server.js';
import type { Uses } from './deps.js';
import { fingerprintOf, readLastChange } from './fingerprint.js';
import { keyOf } from './people.js';
import { markOf } from './secret-mark.js';
import { readStoredSecret } from './stored-secret.js';
import { readVerifierState, type VerifierState } from './verifier-state.js';

/** `unknown`: this database role cannot see pending enrollments. */
export type MfaState = 'enabled' | 'pending' | 'off' | 'unknown';

/** An enrollment that awaits its first code. */
export interface Pending {
  /** Factors whose first code would be accepted, newest first: an application may start another enrollment without removing the first. */
  readonly factors: readonly Factor[];
  /** When the newest was started, at the latest; null = unknown. */
  readonly since: string | null;
  /** More than 24 hours ago. */
  readonly expired: boolean;
}

/** Everything about the second factor of one person at one moment. */
export interface MfaRecord {
  readonly person: Person;
  /** The database's clock, ms since 1970. */
  readonly nowMs: number;
  readonly state: MfaState;
  readonly factors: readonly Factor[];
  readonly enabled: readonly Factor[];
  readonly pending: Pending | null;
  /** Backup codes as stored; null = the application has none, or this role cannot read them. */
  readonly codes: readonly string[] | null;
  /** Number of backup codes; some roles can count codes that they cannot read. null = the application has none, or this role cannot. */
  readonly codesLeft: number | null;
  readonly sessions: number | null;
  /** The version of potctl's own schema; null = not installed. */
  readonly installed: number | null;
  readonly verifier: VerifierState | null;
  /** Identifies the state that an operator confirms; if it differs under the lock, someone else made a change. */
  readonly fingerprint: string;
}

const PENDING_MS = 24 * 3_600_000;

/**
 * Reads the state of one person. With `lock` the rows stay locked until the transaction ends.
 *
 * @throws E_DB_*
 */
export async function readRecord(
  { database, journal }: Uses<'database' | 'journal'>,
  session: Session,
  person: Person,
  lock = false,
): Promise<MfaRecord> {
  const { application, readsSecrets } = database;
  const factors = await application.mfa.readFactors(session, person, { secrets: readsSecrets, lock });
  const codes = application.mfa.codes && readsSecrets ? await application.mfa.codes.read(session, person) : null;
  const codesLeft = codes?.length ?? (await application.mfa.codes?.count?.(session, person)) ?? null;
  const sessions = (await application.sessions?.count(session, person)) ?? null;
  const installed = await journal.version(session);
  const verifier = await readVerifierState(session, installed, keyOf(application, person));
  const [clock] = await session.query<{ now: string }>('select extract(epoch from clock_timestamp())::text as now');
  const nowMs = Number(clock!.now) * 1_000;
  const enabled = factors.filter(({ state }) => state === 'enabled');
  const pending = pendingOf(factors, person, begunHere(factors, verifier, application.mfa.totp), nowMs);
  const state = stateOf(factors, readsSecrets);
  const sign = readsSecrets ? null : verifier === null ? '' : await readLastChange(session, keyOf(application, person));
  const fingerprint = fingerprintOf({ person, factors, codes, lastChange: sign });
  const kept = { codes, codesLeft, sessions };
  return { person, nowMs, state, factors, enabled, pending, ...kept, installed, verifier, fingerprint };
}

function stateOf(factors: readonly Factor[], readsSecrets: boolean): MfaState {
  if (factors.some(({ state }) => state === 'enabled')) return 'enabled';
  if (factors.some(({ state }) => state === 'pending')) return 'pending';
  return !readsSecrets && factors.some(({ secret, createdAt }) => secret === undefined && createdAt === null)
    ? 'unknown'
    : 'off';
}

/** Returns when potctl started the pending enrollment; null if the application has started another one since. */
function begunHere(factors: readonly Factor[], verifier: VerifierState | null, rules: SecretRules): string | null {
  const { enrollmentAt = null, enrollmentMark = null } = verifier ?? {};
  const secret = factors.find(({ state }) => state === 'pending')?.secret;
  if (secret == null || !enrollmentMark) return enrollmentAt;
  const read = readStoredSecret(secret, rules);
  return read.usable && markOf(read.bytes) !== enrollmentMark ? null : enrollmentAt;
}

function pendingOf(all: readonly Factor[], person: Person, begun: string | null, nowMs: number): Pending | null {
  const waiting = all.filter(({ state, kind }) => state === 'pending' && kind === 'totp');
  const [factor, ...older] = waiting.sort((a, b) => (b.createdAt ?? '').localeCompare(a.createdAt ?? ''));
  if (factor === undefined) return null;
  const isOld = (began: string | null): boolean => began !== null && nowMs - Date.parse(began) > PENDING_MS;
  // The row was last written with or after its secret, so the enrollment is at least that old.
  const since = factor.createdAt ?? begun ?? person.updatedAt;
  return { factors: [factor, ...older.filter(({ createdAt }) => !isOld(createdAt))], since, expired: isOld(since) };
}
