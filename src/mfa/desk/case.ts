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

/** One call about one person: what is known before anybody is believed. */
export interface DeskCase {
  readonly person: Person;
  readonly masked: MaskedPerson;
  readonly record: MfaRecord;
  readonly status: MfaStatus;
  readonly flags: readonly RedFlag[];
  /** The proofs that potctl could check for this person. */
  readonly checkable: readonly ProofMethod[];
  /** Why some cannot be checked, each in a sentence. */
  readonly missing: readonly string[];
  /** Checks that failed within the hour, in this call or another one. */
  readonly failed: number;
  /** One of them was said to be a typing error already. */
  readonly mistyped: boolean;
  /** Somebody said within 24 hours that a caller was somebody else. */
  readonly denied: Denial | null;
  /** Three checks failed: until then the desk helps nobody for this account on the phone; RFC 3339. */
  readonly closedUntil: string | null;
  /** The person is beside the operator, and the ID fits: where the desk is closed on the phone, this opens it. */
  readonly beside: boolean;
}

/**
 * What a desk needs before the first call: production named on the command line, and a place for the record.
 *
 * @returns the role of the database
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

/** Everybody whom a caller may mean: id, e-mail or user name. Changes nothing. */
export async function findCallers(deps: Uses<'database'>, wanted: string): Promise<readonly Person[]> {
  const session = await deps.database.session('support.find');
  try {
    return await findAll(session, deps.database.application, wanted);
  } finally {
    await session.close();
  }
}

/** Looks at one person; that somebody looked is noted. @throws E_DB_* */
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
    const seen = { person, masked: maskPerson(person), record, status, flags, beside: false, ...earlier };
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
          : 'there is no e-mail address on file',
    ],
    ['backup_code', backupProblem({ blocked, codes, state, has: database.application.mfa.codes !== undefined })],
    ['app_code', blocked ? BLOCKED : good ? null : 'there is no app whose code could be checked here'],
  ];
  return {
    checkable: reasons.filter(([, why]) => why === null).map(([method]) => method),
    missing: [...new Set(reasons.map(([, why]) => why).filter((why) => why !== null))],
  };
}

const BLOCKED = 'too many codes were refused: none is looked at now';

function backupProblem({
  blocked,
  codes,
  state,
  has,
}: Pick<MfaRecord, 'codes' | 'state'> & { readonly blocked: boolean; readonly has: boolean }): string | null {
  if (!has) return 'the application has no backup codes';
  if (blocked) return BLOCKED;
  if (codes === null) return 'this role may not read backup codes';
  return state === 'enabled' && codes.length > 0 ? null : 'no backup code is left';
}
