import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';
import type { Uses } from './deps.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import { keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';

/** After this many different people in ten minutes, each further look-up is recorded in the journal. */
const MANY_PEOPLE = 20;

/**
 * Counts whom a command looked up, if potctl is set up and the role may write; look-ups of many people are recorded in the journal. If it
 * cannot be counted (a standby, a read-only role), the look-up still succeeds.
 */
export async function noteLookup(
  { journal, actor, database }: Uses<'database' | 'journal' | 'actor'>,
  session: Session,
  { person, installed }: MfaRecord,
  command: string,
): Promise<void> {
  if (installed === null || installed < MFA_SCHEMA_VERSION) return;
  const { runId, traceId, operator } = actor;
  const target = keyOf(database.application, person);
  try {
    const [row] = await session.query<{ people: string }>(
      'select potctl.run_note($1, $2, $3, $4, $5)::text as people',
      [...[runId, traceId, operator, command, target]],
    );
    if (Number(row!.people) < MANY_PEOPLE) return;
    await journal.append(session, {
      ...{ operator, runId, traceId, target, ticket: actor.ticket, status: 'done' },
      action: 'mfa.lookup',
      reason: `${row!.people} different people looked up in ten minutes`,
      details: { person: nameOf(person), command },
    });
  } catch (error) {
    if (!(error instanceof PotctlError) || !['E_DB_DENIED', 'E_DB_QUERY', 'E_DB_CONSTRAINT'].includes(error.code))
      throw error;
  }
}
