import type { AuditFact, Person } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Uses } from './deps.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import { deskFlags, NO_MEMORY } from './desk/memory.js';
import { type Action, type Caution, guardChange, refuseUnexplained } from './guard.js';
import { checkKept, type Expected, stateOfFactors } from './kept.js';
import { argumentOf, findOne, keyOf, nameOf, phraseOf, readPerson } from './people.js';
import { type MfaRecord, type MfaState, readRecord } from './record.js';
import { inTransaction, type Transaction } from './transaction.js';

/** What will be changed for which person; shown before confirmation. */
export interface ChangePlan {
  readonly action: Action;
  readonly record: MfaRecord;
  /** What must be typed to confirm. */
  readonly phrase: string;
  readonly caution: Caution;
  /** False: there is nothing to change. */
  readonly changes: boolean;
  /** What will happen, one sentence each. */
  readonly steps: readonly string[];
  /** Checks the current state once more under the lock; throws if the change is no longer possible. */
  readonly recheck?: (now: MfaRecord) => void;
}

/** The part of a plan that depends on the command. */
export type PlanDetails = Pick<ChangePlan, 'changes' | 'steps'>;

/** The result of a change. */
export interface ChangeResult {
  readonly person: { readonly id: string; readonly name: string; readonly email: string | null };
  readonly state: MfaState;
  readonly changed: boolean;
  readonly codes_left: number | null;
  readonly sessions_ended: number | null;
  /** Number of the journal entry; null in a dry run. */
  readonly journal_seq: string | null;
  readonly warnings: readonly Advice[];
}

/**
 * Finds the person and plans the change. Changes nothing.
 *
 * @param detail what the command would change; throws if that is impossible
 * @throws E_REASON_REQUIRED, E_PROFILE_REQUIRED, E_BREAK_GLASS, E_USER_*, E_SETUP_MISSING, E_DB_*
 */
export async function planChange(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  action: Action,
  detail: (record: MfaRecord) => PlanDetails,
): Promise<ChangePlan> {
  refuseUnexplained(deps);
  const session = await deps.database.session(`mfa.${action}.plan`);
  try {
    const { person, alike } = await findOne(session, deps.database.application, wanted);
    const record = await readRecord(deps, session, person);
    requireState(record);
    const { guarded, warnings } = await guardChange(deps, session, person, action);
    const flags = deskFlags(record.verifier?.desk ?? NO_MEMORY).map(({ text }) => text);
    const caution = { guarded, warnings: [...alike, ...flags, ...warnings, ...unreadSecrets(deps, action, person)] };
    return { action, record, caution, phrase: phraseOf(person), ...detail(record) };
  } finally {
    await session.close();
  }
}

/** How a change is made in its transaction. */
export interface ChangeWork {
  readonly event: AuditFact['event'];
  readonly factorId?: string | null;
  /** What the database must contain afterwards; compared before the commit. */
  expect(record: MfaRecord): Expected;
  /** Makes the change. @returns details for the journal, without secrets */
  run(transaction: Transaction, record: MfaRecord): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * Applies a plan in one transaction: locks the person, compares with what was shown, writes, records it in the application's audit table
 * and in the journal, and reads everything back.
 *
 * @throws E_MFA_CHANGED, E_NOT_KEPT (the database stored something else), E_DB_*: nothing is changed then
 */
export async function applyChange(
  deps: Uses<'database' | 'journal' | 'actor'>,
  plan: ChangePlan,
  work: ChangeWork,
): Promise<ChangeResult> {
  const session = await deps.database.session(`mfa.${plan.action}`);
  try {
    return await inTransaction(session, deps.actor.runId, async (transaction) => {
      const record = await lockAgreed(deps, transaction, plan.record);
      plan.recheck?.(record);
      if (!plan.changes) {
        return resultOf(plan, { seq: await note(deps, transaction, plan, work, { to: record.state }) }, record.state);
      }
      const expected = work.expect(record);
      const to = stateOfFactors(expected.factors);
      const details = { ...(await work.run(transaction, record)), to };
      const seq = await note(deps, transaction, plan, work, details);
      await checkKept(deps, transaction, record.person, expected);
      return resultOf(plan, { ...details, seq }, to);
    });
  } finally {
    await session.close();
  }
}

/**
 * Locks the person and reads everything again.
 *
 * @throws E_MFA_CHANGED if the state is not what was confirmed, because another operator or the application changed it; or if a support desk
 * has recorded since then that a caller was somebody else
 */
export async function lockAgreed(
  deps: Uses<'database' | 'journal'>,
  transaction: Transaction,
  agreed: MfaRecord,
): Promise<MfaRecord> {
  const { application } = deps.database;
  await lockPerson(transaction, keyOf(application, agreed.person));
  await application.mfa.readFactors(transaction, agreed.person, { secrets: false, lock: true });
  const person = await readPerson(transaction, application, agreed.person.id);
  const record = person && (await readRecord(deps, transaction, person));
  if (record?.fingerprint !== agreed.fingerprint) throw changedMeanwhile(agreed.person);
  refuseDenied(agreed, record);
  return record;
}

/** @throws E_MFA_CHANGED if a support desk has recorded since `agreed` that a caller was somebody else */
export function refuseDenied(agreed: MfaRecord, { person, verifier }: MfaRecord): void {
  const denied = verifier?.desk.denied ?? null;
  if (denied !== null && denied.seq !== agreed.verifier?.desk.denied?.seq) {
    throw recordedMeanwhile(person, `${denied.reason} (journal ${denied.seq})`);
  }
}

/** The error for a doubt that another desk recorded while this change was prepared. */
export const recordedMeanwhile = (person: Person, what: string): PotctlError =>
  new PotctlError(
    'E_MFA_CHANGED',
    `a support agent has just flagged the caller for '${nameOf(person)}' as suspicious: ${what}`,
    {
      fix: [potctl('mfa', 'status', argumentOf(person))],
    },
  );

/** Returns the result of a dry run. */
export function plannedResult(plan: ChangePlan): ChangeResult {
  return resultOf(plan, { seq: null }, plan.record.state);
}

/** Takes the advisory lock that serializes all changes and code checks of one person. */
export async function lockPerson(session: Session, key: string): Promise<void> {
  await session.query(`select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('potctl.mfa:' || $1, 0))`, [
    key,
  ]);
}

/** @throws E_SETUP_MISSING if potctl's own schema is missing, or too old for second factors */
export function requireState({ installed }: Pick<MfaRecord, 'installed'>): void {
  if (installed !== null && installed >= MFA_SCHEMA_VERSION) return;
  const have =
    installed === null
      ? 'the schema does not exist'
      : `the schema has version ${installed}; version ${MFA_SCHEMA_VERSION} is required`;
  throw new PotctlError(
    'E_SETUP_MISSING',
    'the schema "potctl" is missing or too old: potctl changes nothing without a journal',
    {
      why: have,
    },
  );
}

async function note(
  { database, actor, journal }: Uses<'database' | 'journal' | 'actor'>,
  session: Session,
  { action, record, caution, changes }: ChangePlan,
  work: ChangeWork,
  details: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { application } = database;
  const { person, state } = record;
  const { operator, reason, ticket, runId, traceId, osUser, hostname, toolVersion } = actor;
  if (changes) {
    await application.audit?.append(session, person, {
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
      ...{ from: state, ...details },
      ...(caution.guarded.length > 0 && { break_glass: caution.guarded }),
      ...actor.evidence,
      by: { os_user: osUser, host: hostname, potctl: toolVersion },
    },
  });
}

/** Warns that this role can write secrets but not read them back, so that the result cannot be verified. */
function unreadSecrets({ database }: Uses<'database'>, action: Action, person: Person): string[] {
  if (database.readsSecrets || !['enroll', 'codes'].includes(action)) return [];
  return [`this database role cannot read back what it stores: have ${nameOf(person)} try a code before the call ends`];
}

const changedMeanwhile = (person: Person): PotctlError =>
  new PotctlError(
    'E_MFA_CHANGED',
    `the second factor of '${nameOf(person)}' was changed by someone else in the meantime`,
    {
      fix: [potctl('mfa', 'status', argumentOf(person))],
    },
  );

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
