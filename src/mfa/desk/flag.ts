import type { Person } from '../../applications/application.js';
import { instant } from '../../applications/sql.js';
import type { Session } from '../../postgres/server.js';
import { keyOf, nameOf } from '../people.js';
import type { MfaRecord } from '../record.js';
import type { RedFlag } from '../status.js';
import type { DeskDeps } from './deps.js';
import { MAX_FAILURES, type ProofMethod } from './proofs.js';

/** Why somebody was flagged: three proofs failed, or the operator was not convinced. */
export type FlagEvent = 'DESK_PROOFS_FAILED' | 'DESK_NOT_CONVINCED';

/** What stands in the journal with it. */
export interface FlagFacts {
  readonly event: FlagEvent;
  readonly reason: string;
  readonly proofs: readonly string[];
  readonly flags: readonly RedFlag[];
}

/** Notes that somebody asked for this account and was not believed. Changes nothing else. @returns the number in the journal */
export async function flagPerson(deps: DeskDeps, person: Person, facts: FlagFacts): Promise<string> {
  const { database, journal, actor } = deps;
  const { operator, ticket, runId, traceId } = actor;
  const { application } = database;
  const session = await database.session('mfa.flagged');
  try {
    return await journal.append(session, {
      ...{ operator, ticket, runId, traceId, action: 'mfa.flagged', status: 'refused', reason: facts.reason },
      target: keyOf(application, person),
      details: {
        ...{ application: application.name, person: nameOf(person), event: facts.event, proofs: facts.proofs },
        red_flags: facts.flags.map(({ code }) => code),
      },
    });
  } finally {
    await session.close();
  }
}

/** Notes one failed check: leaving the call, or the program, must not give new tries. */
export async function noteFailedProof(deps: DeskDeps, person: Person, method: ProofMethod): Promise<void> {
  const { operator, ticket, runId, traceId } = deps.actor;
  const { application } = deps.database;
  const session = await deps.database.session('mfa.proof');
  try {
    await deps.journal.append(session, {
      ...{
        operator,
        ticket,
        runId,
        traceId,
        action: 'mfa.proof',
        status: 'refused',
        reason: 'caller check at the desk',
      },
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
  /** Checks that failed within the hour. */
  readonly failed: number;
  /** Until when nobody at a desk helps, after three failed checks; RFC 3339. */
  readonly closedUntil: string | null;
}

const FAILED = `action = 'mfa.proof' and at > clock_timestamp() - interval '1 hour'`;

/** Reads it; where this role may not, nothing is known. */
export async function earlierCalls(
  { database }: DeskDeps,
  session: Session,
  { person, verifier }: MfaRecord,
): Promise<EarlierCalls> {
  if (verifier === null) return { flagged: 0, failed: 0, closedUntil: null };
  const [row] = await session.query<EarlierCalls>(
    `select count(*) filter (where action = 'mfa.flagged')::int as flagged, count(*) filter (where ${FAILED})::int as failed,
            case when count(*) filter (where ${FAILED}) >= ${MAX_FAILURES} then
              ${instant(`(max(at) filter (where ${FAILED}) + interval '1 hour')`)} end as "closedUntil"
       from potctl.journal
      where target = $1 and action in ('mfa.flagged', 'mfa.proof') and at > clock_timestamp() - interval '24 hours'`,
    [keyOf(database.application, person)],
  );
  return row!;
}
