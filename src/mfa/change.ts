import type { AuditFact, Person } from '../applications/application.js';
import { PotctlError } from '../errors.js';
import type { Session } from '../postgres/server.js';
import { MFA_SCHEMA_VERSION, type MfaDeps } from './deps.js';
import { type Action, type Caution, guardChange, refuseUnexplained } from './guard.js';
import { findPerson, keyOf, nameOf } from './people.js';
import { type MfaRecord, type MfaState, readRecord } from './record.js';
import { inTransaction, type Transaction } from './transaction.js';

/** What will be done to whom: shown before it is confirmed. */
export interface ChangePlan {
  readonly action: Action;
  readonly record: MfaRecord;
  /** What must be typed. */
  readonly phrase: string;
  readonly caution: Caution;
  /** False: it is so already. */
  readonly changes: boolean;
  /** What will happen, a sentence each. */
  readonly steps: readonly string[];
}

/** What a plan says beyond person and state. */
export type PlanDetails = Pick<ChangePlan, 'changes' | 'steps'>;

/** What was done. */
export interface ChangeResult {
  readonly person: { readonly id: string; readonly name: string; readonly email: string | null };
  readonly state: MfaState;
  readonly changed: boolean;
  readonly codes_left: number | null;
  readonly sessions_ended: number | null;
  /** The number of the entry in the journal; null in a dry run. */
  readonly journal_seq: string | null;
  readonly warnings: readonly string[];
}

/**
 * Finds the person and says what would be done. Changes nothing.
 *
 * @param detail what the command does to such a record; throws what makes it impossible
 * @throws E_REASON_REQUIRED, E_PROFILE_REQUIRED, E_BREAK_GLASS, E_USER_*, E_SETUP_MISSING, E_DB_*
 */
export async function planChange(
  deps: MfaDeps,
  wanted: string,
  action: Action,
  detail: (record: MfaRecord) => PlanDetails,
): Promise<ChangePlan> {
  refuseUnexplained(deps);
  const session = await deps.database.session(`mfa.${action}.plan`);
  try {
    const person = await findPerson(session, deps.database.application, wanted);
    const record = await readRecord(deps, session, person);
    requireState(record);
    const caution = await guardChange(deps, session, person, action);
    return { action, record, caution, phrase: nameOf(person), ...detail(record) };
  } finally {
    await session.close();
  }
}

/** How a change is made within its transaction. */
export interface ChangeWork {
  readonly event: AuditFact['event'];
  /** What the record must say afterwards, before anything is committed. */
  readonly expect: { readonly state: MfaState; readonly codes?: number };
  readonly factorId?: string | null;
  /** @returns what goes into the journal, without secrets */
  run(transaction: Transaction, record: MfaRecord): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * Does it: locks the person, compares with what was shown, writes, reads back, and notes it in the application's audit table and in the
 * journal, all in one transaction.
 *
 * @throws E_MFA_CHANGED, E_APPLICATION (the database kept something else), E_DB_*: nothing is changed then
 */
export async function applyChange(deps: MfaDeps, plan: ChangePlan, work: ChangeWork): Promise<ChangeResult> {
  const { database, actor } = deps;
  const { person } = plan.record;
  const session = await database.session(`mfa.${plan.action}`);
  try {
    return await inTransaction(session, actor.runId, async (transaction) => {
      await lockPerson(transaction, keyOf(database.application, person));
      const record = await readRecord(deps, transaction, person, true);
      if (record.fingerprint !== plan.record.fingerprint) throw changedMeanwhile(person);
      const details = plan.changes ? await work.run(transaction, record) : {};
      if (plan.changes) await checkKept(deps, transaction, person, work);
      const seq = await note(deps, transaction, plan, work, details);
      return resultOf(plan, { ...details, seq }, plan.changes ? work.expect.state : record.state);
    });
  } finally {
    await session.close();
  }
}

/** The same answer for what was only tried. */
export function plannedResult(plan: ChangePlan): ChangeResult {
  return resultOf(plan, { seq: null }, plan.record.state);
}

/** Takes the lock that every change and every code of one person takes first. */
export async function lockPerson(session: Session, key: string): Promise<void> {
  await session.query(`select pg_advisory_xact_lock(hashtextextended('potctl.mfa:' || $1, 0))`, [key]);
}

/** @throws E_SETUP_MISSING where potctl's own schema is not there, or too old for second factors */
export function requireState({ installed }: Pick<MfaRecord, 'installed'>): void {
  if (installed !== null && installed >= MFA_SCHEMA_VERSION) return;
  const have = installed === null ? 'it has none' : `it has version ${installed}, and ${MFA_SCHEMA_VERSION} is needed`;
  throw new PotctlError(
    'E_SETUP_MISSING',
    'the database lacks the schema "potctl": without a record nothing is changed',
    {
      why: have,
    },
  );
}

async function checkKept(deps: MfaDeps, session: Session, person: Person, { expect }: ChangeWork): Promise<void> {
  const { state, codes } = await readRecord(deps, session, person);
  // A role that reads no secrets tells nothing from a pending one.
  const kept = state === expect.state || (state === 'unknown' && expect.state !== 'enabled');
  if (kept && (expect.codes === undefined || codes === null || codes.length === expect.codes)) return;
  throw new PotctlError('E_APPLICATION', `the database did not keep what was written for '${nameOf(person)}'`, {
    why: { wanted: expect.state, found: state, codes: codes?.length ?? 'hidden' },
    fix: ['Look for triggers, rules and row security on the tables of the application.'],
  });
}

async function note(
  { database, actor, journal }: MfaDeps,
  session: Session,
  { action, record, caution, changes }: ChangePlan,
  work: ChangeWork,
  details: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { application } = database;
  const { person, state } = record;
  const { operator, reason, ticket, runId, traceId, osUser, hostname, toolVersion } = actor;
  if (changes) {
    await application.appendAudit(session, person, {
      ...{ event: work.event, factorId: work.factorId ?? null, runId, traceId },
      ...(Array.isArray(details['removed']) && { removed: details['removed'] }),
      details: { potctl: true, operator, reason, ticket },
    });
  }
  return journal.append(session, {
    ...{ operator, ticket, runId, traceId, reason: reason ?? '', status: 'done' as const },
    action: `mfa.${action}`,
    target: keyOf(application, person),
    details: {
      ...{ changed: changes, application: application.name, person: nameOf(person), email: person.email },
      ...{ from: state, to: changes ? work.expect.state : state, ...details },
      ...(caution.guarded.length > 0 && { break_glass: caution.guarded }),
      ...actor.evidence,
      by: { os_user: osUser, host: hostname, potctl: toolVersion },
    },
  });
}

const changedMeanwhile = (person: Person): PotctlError =>
  new PotctlError('E_MFA_CHANGED', `somebody changed the second factor of '${nameOf(person)}' meanwhile`);

function resultOf(
  { record, caution, changes }: ChangePlan,
  details: Readonly<Record<string, unknown>>,
  state: MfaState,
): ChangeResult {
  const { person, codes } = record;
  const seq = details['seq'] as string | null;
  const [left, ended] = [details['codes_left'], details['sessions_ended']];
  return {
    person: { id: person.id, name: nameOf(person), email: person.email },
    state,
    changed: seq !== null && changes,
    codes_left: typeof left === 'number' ? left : (codes?.length ?? null),
    sessions_ended: typeof ended === 'number' ? ended : null,
    journal_seq: seq,
    warnings: caution.warnings,
  };
}
