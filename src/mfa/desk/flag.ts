import type { Person } from '../../applications/application.js';
import { CLOCK, instant } from '../../applications/sql.js';
import { PotctlError } from '../../errors.js';
import type { Session } from '../../postgres/server.js';
import { keyOf, nameOf } from '../people.js';
import type { MfaRecord } from '../record.js';
import type { RedFlag } from '../status.js';
import { inTransaction, type Transaction } from '../transaction.js';
import type { DeskDeps } from './deps.js';
import { MAX_FAILURES, type ProofMethod } from './proofs.js';

/** Why somebody was flagged: the owner said that somebody else called, three proofs failed, or the operator was not convinced. */
export type FlagEvent = 'DESK_CALLER_DENIED' | 'DESK_PROOFS_FAILED' | 'DESK_NOT_CONVINCED';

/** What stands in the journal with it. */
export interface FlagFacts {
  readonly event: FlagEvent;
  readonly reason: string;
  readonly proofs: readonly string[];
  readonly flags: readonly RedFlag[];
}

const SEVERITY = { DESK_CALLER_DENIED: 'HIGH', DESK_PROOFS_FAILED: 'HIGH', DESK_NOT_CONVINCED: 'MEDIUM' } as const;

/**
 * Notes that somebody asked for this account and was not believed: in the journal and, where the application has them, as a security event,
 * in one transaction. Where this role may not write security events, the journal has it alone, and says so. Changes nothing else.
 *
 * @returns the number in the journal
 * @throws E_DB_*
 */
export async function flagPerson(deps: DeskDeps, person: Person, facts: FlagFacts): Promise<string> {
  const { database, actor } = deps;
  const session = await database.session('mfa.flagged');
  const isKept = database.application.appendEvent !== undefined;
  const attempt = (withEvent: boolean): Promise<string> =>
    inTransaction(session, actor.runId, (transaction) => noteFlag(deps, transaction, person, facts, withEvent));
  try {
    return await attempt(isKept);
  } catch (error) {
    if (!isKept || !(error instanceof PotctlError) || error.code !== 'E_DB_DENIED') throw error;
    return await attempt(false);
  } finally {
    await session.close();
  }
}

async function noteFlag(
  { database, journal, actor }: DeskDeps,
  transaction: Transaction,
  person: Person,
  { event, reason, proofs, flags }: FlagFacts,
  withEvent: boolean,
): Promise<string> {
  const { operator, ticket, runId, traceId } = actor;
  const { application } = database;
  if (withEvent) {
    await application.appendEvent?.(transaction, person, {
      ...{ type: event, severity: SEVERITY[event], description: `Support desk: ${reason}` },
      details: { potctl: true, run_id: runId, operator, proofs },
    });
  }
  return journal.append(transaction, {
    ...{ operator, ticket, runId, traceId, action: 'mfa.flagged', status: 'refused', reason },
    target: keyOf(application, person),
    details: {
      ...{ application: application.name, person: nameOf(person), event, proofs },
      red_flags: flags.map(({ code }) => code),
      ...(application.appendEvent && { security_event: withEvent }),
    },
  });
}

/**
 * Notes one failed check (`proof`), because leaving the call or the program must not give new tries; or that the newest one was the
 * operator's own typing error (`mistyped`).
 */
export async function noteProof(
  deps: DeskDeps,
  person: Person,
  method: ProofMethod,
  what: 'proof' | 'mistyped',
): Promise<void> {
  const { operator, ticket, runId, traceId } = deps.actor;
  const { application } = deps.database;
  const session = await deps.database.session('mfa.proof');
  try {
    await deps.journal.append(session, {
      ...{ operator, ticket, runId, traceId, action: `mfa.${what}`, reason: 'identity check at the desk' },
      status: what === 'proof' ? 'refused' : 'done',
      target: keyOf(application, person),
      details: { application: application.name, person: nameOf(person), method },
    });
  } finally {
    await session.close();
  }
}

/** What the journal says of earlier calls. */
export interface EarlierCalls {
  /** In 24 hours. */
  readonly flagged: number;
  /** When the owner last said that somebody else had called, within 24 hours; RFC 3339. */
  readonly deniedAt: string | null;
  /** Checks that failed within the hour, without the one that was the operator's typing error. */
  readonly failed: number;
  /** Was a failed check within the hour said to be a typing error? One is believed. */
  readonly mistyped: boolean;
  /** Until when the desk is closed for this person on the phone, after three failed checks; RFC 3339. */
  readonly closedUntil: string | null;
}

/** Reads it; where this role may not, nothing is known. */
export async function earlierCalls(
  { database }: DeskDeps,
  session: Session,
  { person, verifier }: MfaRecord,
): Promise<EarlierCalls> {
  if (verifier === null) return { flagged: 0, deniedAt: null, failed: 0, mistyped: false, closedUntil: null };
  const [row] = await session.query<EarlierCalls>(
    `with calls as (
       select at, action, details->>'event' as event, at > ${CLOCK} - interval '1 hour' as fresh
         from potctl.journal
        where target = $1 and action in ('mfa.flagged', 'mfa.proof', 'mfa.mistyped') and at > ${CLOCK} - interval '24 hours'
     ), counted as (
       select count(*) filter (where action = 'mfa.flagged')::int as flagged,
              max(at) filter (where event = 'DESK_CALLER_DENIED') as denied_at,
              count(*) filter (where action = 'mfa.proof' and fresh)::int as refused,
              bool_or(action = 'mfa.mistyped' and fresh) is true as mistyped,
              max(at) filter (where action = 'mfa.proof' and fresh) as failed_at
         from calls
     )
     select flagged, ${instant('denied_at')} as "deniedAt", refused - mistyped::int as failed, mistyped,
            case when refused - mistyped::int >= ${MAX_FAILURES} then
              ${instant(`(failed_at + interval '1 hour')`)} end as "closedUntil"
       from counted`,
    [keyOf(database.application, person)],
  );
  return row!;
}
