import type { Person } from '../../applications/application.js';
import { PotctlError } from '../../kernel/errors.js';
import type { Uses } from '../deps.js';
import { keyOf, nameOf } from '../people.js';
import type { RedFlag } from '../red-flag.js';
import { inTransaction, type Transaction } from '../transaction.js';
import type { ProofMethod } from './proofs.js';

/** Why an account was flagged: the owner had not called, three checks failed, or the operator was not convinced. */
export type FlagEvent = 'DESK_CALLER_DENIED' | 'DESK_PROOFS_FAILED' | 'DESK_NOT_CONVINCED';

/** What is recorded with a flag. */
export interface FlagFacts {
  readonly event: FlagEvent;
  readonly reason: string;
  readonly proofs: readonly string[];
  readonly flags: readonly RedFlag[];
}

const SEVERITY = { DESK_CALLER_DENIED: 'HIGH', DESK_PROOFS_FAILED: 'HIGH', DESK_NOT_CONVINCED: 'MEDIUM' } as const;

/**
 * Records that a caller for this account could not be verified: in the journal and, if the application has them, as a security event, in one
 * transaction. If this role may not write security events, only the journal gets the record, which says so. Changes nothing else.
 *
 * @returns the number of the journal entry
 * @throws E_DB_*
 */
export async function flagPerson(
  deps: Uses<'database' | 'journal' | 'actor'>,
  person: Person,
  facts: FlagFacts,
): Promise<string> {
  const { database, actor } = deps;
  const session = await database.session('mfa.flagged');
  const isKept = database.application.security !== undefined;
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
  { database, journal, actor }: Uses<'database' | 'journal' | 'actor'>,
  transaction: Transaction,
  person: Person,
  { event, reason, proofs, flags }: FlagFacts,
  withEvent: boolean,
): Promise<string> {
  const { operator, ticket, runId, traceId } = actor;
  const { application } = database;
  if (withEvent) {
    await application.security?.append(transaction, person, {
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
      ...(application.security && { security_event: withEvent }),
    },
  });
}

/**
 * Records one failed check (`proof`), so that ending the call or the program does not give new tries; or that the newest failure was the
 * operator's own typing error (`mistyped`).
 */
export async function noteProof(
  deps: Uses<'database' | 'journal' | 'actor'>,
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
