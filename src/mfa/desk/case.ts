import type { Person } from '../../applications/application.js';
import { requireState } from '../change.js';
import type { Uses } from '../deps.js';
import { refuseUnnamedProduction } from '../guard.js';
import { noteLookup } from '../lookups.js';
import { findAll } from '../people.js';
import { type MfaRecord, readRecord } from '../record.js';
import type { RedFlag } from '../red-flag.js';
import { type MfaStatus, statusOf } from '../status.js';
import type { DeskUses } from './deps.js';
import { type MaskedPerson, maskPerson } from './mask.js';
import { type Denial, NO_MEMORY } from './memory.js';
import type { ProofMethod } from './proofs.js';

/** One call about one account: what is known before identity is verified. */
export interface DeskCase {
  readonly person: Person;
  readonly masked: MaskedPerson;
  readonly record: MfaRecord;
  readonly status: MfaStatus;
  readonly flags: readonly RedFlag[];
  /** The proofs that potctl can check for this person. */
  readonly checkable: readonly ProofMethod[];
  /** Why the others cannot be checked, a sentence each. */
  readonly missing: readonly string[];
  /** Checks that failed in the last hour, in this call or another one. */
  readonly failed: number;
  /** The operator already declared one of them a typing error. */
  readonly mistyped: boolean;
  /** In the last 24 hours the owner, a colleague or an ID showed that a caller was somebody else. */
  readonly denied: Denial | null;
  /** After three failed checks: until then this account is not helped on the phone; RFC 3339. */
  readonly closedUntil: string | null;
  /** The person is present and the ID matches, which lifts {@link closedUntil}. */
  readonly inPerson: boolean;
}

/**
 * Checks what a desk needs before the first call: production named on the command line, and potctl's schema for the journal.
 *
 * @returns the database role
 * @throws E_PROFILE_REQUIRED, E_SETUP_MISSING, E_DB_*
 */
export async function readDeskRole(deps: Uses<'database' | 'journal' | 'policy'>): Promise<string> {
  refuseUnnamedProduction(deps.policy);
  const session = await deps.database.session('support');
  try {
    requireState({ installed: await deps.journal.version(session) });
    const [row] = await session.query<{ role: string }>('select session_user::text as role');
    return row!.role;
  } finally {
    await session.close();
  }
}

/** Returns everybody whom a caller may mean, by id, email or user name. Changes nothing. */
export async function findCallers(deps: Uses<'database'>, wanted: string): Promise<readonly Person[]> {
  const session = await deps.database.session('support.find');
  try {
    return await findAll(session, deps.database.application, wanted);
  } finally {
    await session.close();
  }
}

/** Reads the state of one person, and records the look-up. @throws E_DB_* */
export async function openCase(
  deps: DeskUses<'database' | 'journal' | 'actor' | 'policy' | 'keys' | 'mail'>,
  person: Person,
): Promise<DeskCase> {
  const session = await deps.database.session('support.look');
  try {
    const record = await readRecord(deps, session, person);
    await noteLookup(deps, session, record, 'support');
    const status = await statusOf(deps, record);
    const { flagged: _, ...earlier } = record.verifier?.desk ?? NO_MEMORY;
    const flags = status.red_flags;
    const seen = { person, masked: maskPerson(person), record, status, flags, inPerson: false, ...earlier };
    return { ...seen, ...checkableOf(deps, record, status) };
  } finally {
    await session.close();
  }
}

function checkableOf(
  { mail, database }: DeskUses<'database' | 'mail'>,
  { person, codes, state }: MfaRecord,
  { factors, lock }: MfaStatus,
): Pick<DeskCase, 'checkable' | 'missing'> {
  const blocked = lock?.by === 'potctl';
  const good = factors.some((one) => one.kind === 'totp' && one.state === 'enabled' && one.secret?.startsWith('good'));
  const reasons: readonly (readonly [ProofMethod, string | null])[] = [
    [
      'email_code',
      mail === null
        ? 'no mail server is configured (`notify.email.smtp` of the profile)'
        : mail.canReach(person.email)
          ? null
          : 'there is no email address on file',
    ],
    ['backup_code', backupProblem({ blocked, codes, state, has: database.application.mfa.codes !== undefined })],
    ['app_code', blocked ? BLOCKED : good ? null : 'this account has no app whose codes potctl can check'],
  ];
  return {
    checkable: reasons.filter(([, why]) => why === null).map(([method]) => method),
    missing: [...new Set(reasons.map(([, why]) => why).filter((why) => why !== null))],
  };
}

const BLOCKED = 'too many codes were rejected: no code is accepted for now';

function backupProblem({
  blocked,
  codes,
  state,
  has,
}: Pick<MfaRecord, 'codes' | 'state'> & { readonly blocked: boolean; readonly has: boolean }): string | null {
  if (!has) return 'the application has no backup codes';
  if (blocked) return BLOCKED;
  if (codes === null) return 'this database role cannot read backup codes';
  return state === 'enabled' && codes.length > 0 ? null : 'there are no backup codes left';
}
