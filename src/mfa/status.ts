import { counted, verb } from '../kernel/counted.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { CODES } from './backup-codes.js';
import type { Uses } from './deps.js';
import { deskFlags, NO_MEMORY } from './desk/memory.js';
import { noteLookup } from './lookups.js';
import { findPerson } from './people.js';
import { type MfaRecord, type MfaState, readRecord } from './record.js';
import { FEW_CODES } from './record-attempt.js';
import type { RedFlag } from './red-flag.js';
import { judgeSecret } from './secret-verdict.js';
import type { PastReset } from './verifier-state.js';

/** One factor without its secret. */
export interface FactorView {
  readonly id: string;
  readonly kind: string;
  readonly label: string | null;
  readonly state: string;
  readonly created_at: string | null;
  readonly enabled_at: string | null;
  readonly last_used_at: string | null;
  /** `good`, or why it is unusable; `hidden`: this role cannot read it; null = no secret. */
  readonly secret: string | null;
}

/** The state of one person's second factor. Never contains a secret, a code or a hash. */
export interface MfaStatus {
  readonly application: string;
  readonly user: {
    readonly id: string;
    readonly email: string | null;
    readonly username: string | null;
    readonly name: string | null;
    readonly role: string | null;
    readonly admin: boolean;
    readonly active: boolean | null;
    readonly organizations: readonly string[];
  };
  readonly state: MfaState;
  readonly since: string | null;
  readonly pending_since: string | null;
  readonly pending_expired: boolean;
  readonly factors: readonly FactorView[];
  /** null = the application has none; `left` null = this role cannot read them. */
  readonly codes: { readonly left: number | null; readonly set_of: number; readonly storage: string } | null;
  /** `until` is `infinity` after a hundred rejected codes in a row. */
  readonly lock: { readonly by: 'potctl' | 'application'; readonly until: string } | null;
  readonly failed_24h: number | null;
  readonly last_accepted_at: string | null;
  /** null = the application stores no sessions. */
  readonly sessions: number | null;
  /** null = no journal, or this role cannot read it. */
  readonly resets_90d: readonly PastReset[] | null;
  readonly red_flags: readonly RedFlag[];
  readonly notes: readonly Advice[];
}

/** Returns everything that potctl knows about a person's second factor. Changes nothing. @throws E_USER_*, E_APPLICATION, E_DB_* */
export async function readStatus(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy' | 'keys'>,
  wanted: string,
): Promise<MfaStatus> {
  const session = await deps.database.session('mfa.status');
  try {
    const person = await findPerson(session, deps.database.application, wanted);
    const record = await readRecord(deps, session, person);
    await noteLookup(deps, session, record, 'mfa.status');
    return await statusOf(deps, record);
  } finally {
    await session.close();
  }
}

/** Returns the status of a record that was already read. */
export async function statusOf(deps: Uses<'database' | 'policy' | 'keys'>, record: MfaRecord): Promise<MfaStatus> {
  const { application } = deps.database;
  const { person, state, enabled, pending, codesLeft: left, verifier } = record;
  const { id, email, username, name, role, active, organizations } = person;
  return {
    application: application.name,
    user: { id, email, username, name, role, admin: person.isAdmin, active, organizations },
    state,
    since:
      enabled.map(({ verifiedAt }) => verifiedAt ?? verifier?.confirmedAt ?? null).find((at) => at !== null) ?? null,
    pending_since: pending?.since ?? null,
    pending_expired: pending?.expired ?? false,
    factors: await factorViews(deps, record),
    codes: application.mfa.codes ? { left, set_of: CODES, storage: application.mfa.codes.kind } : null,
    lock: lockOf(record),
    failed_24h: verifier?.failures24h ?? null,
    last_accepted_at: verifier?.lastSuccessAt ?? null,
    sessions: record.sessions,
    resets_90d: verifier?.resets ?? null,
    red_flags: redFlags(record),
    notes: notesOf(deps, record),
  };
}

async function factorViews(deps: Uses<'database' | 'keys'>, { person, factors }: MfaRecord): Promise<FactorView[]> {
  return Promise.all(
    factors.map(async (factor) => ({
      ...{ id: factor.id, kind: factor.kind, label: factor.label, state: factor.state },
      ...{ created_at: factor.createdAt, enabled_at: factor.verifiedAt, last_used_at: factor.lastUsedAt },
      secret: await judgeSecret(deps, person, factor),
    })),
  );
}

/** Returns the lock of a person, potctl's own before the application's. */
export function lockOf({ verifier, person }: MfaRecord): MfaStatus['lock'] {
  if (verifier?.blockedUntil != null) return { by: 'potctl', until: verifier.blockedUntil };
  return person.lockedUntil === null ? null : { by: 'application', until: person.lockedUntil };
}

/** Returns warning signs that a caller may be an impostor; none is proof. Things that only need fixing are notes. */
export function redFlags({ person, verifier, nowMs }: MfaRecord): RedFlag[] {
  const { resets = [], failures24h = 0 } = verifier ?? {};
  const daysOld = person.createdAt === null ? null : (nowMs - Date.parse(person.createdAt)) / 86_400_000;
  const flags: [boolean, string, string][] = [
    [person.isAdmin, 'admin', 'the user is an administrator'],
    [person.active === false, 'inactive', 'the account is disabled'],
    [daysOld !== null && daysOld < 7, 'new_account', 'the account is less than a week old'],
    [resets.length > 0, 'recent_reset', `${counted(resets.length, 'reset')} in the last 90 days`],
    [failures24h >= 3, 'refused_codes', `${counted(failures24h, 'rejected code')} in the last 24 hours`],
    [(verifier?.replays ?? 0) > 0, 'replayed_code', 'a correct code was used twice: somebody else may have seen it'],
    [verifier?.blockedUntil != null, 'blocked', 'blocked after too many rejected codes'],
  ];
  return [
    ...flags.filter(([is]) => is).map(([, code, text]) => ({ code, text })),
    ...deskFlags(verifier?.desk ?? NO_MEMORY),
  ];
}

function notesOf(
  { database, policy }: Uses<'database' | 'policy'>,
  { state, installed, codesLeft: left, person }: MfaRecord,
): Advice[] {
  const { application, readsSecrets } = database;
  const { noReplayGuard, login } = application.mfa.facts;
  const few = state === 'enabled' && left !== null && left <= FEW_CODES;
  const missing = person.isAdmin && policy.requiredForAdmin && state !== 'enabled';
  return [
    ...(missing ? ['a second factor is required but not enabled'] : []),
    ...(few ? [`${counted(left, 'backup code')} ${verb(left, 'is', 'are')} left`] : []),
    ...(readsSecrets
      ? []
      : ['this database role cannot read secrets and backup codes; what depends on them is not shown']),
    ...(state === 'enabled' && noReplayGuard !== '' ? [noReplayGuard] : []),
    ...(state === 'enabled' && login !== undefined ? [login] : []),
    ...(installed === null
      ? [
          advice`potctl is not set up in this database, so it has no history and changes are refused (${potctl('setup')})`,
        ]
      : []),
  ];
}
