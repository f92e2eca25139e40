import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';
import type { Uses } from './deps.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import { keyOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';

/** From so many different people in ten minutes on, each further look is in the journal. */
const MANY_PEOPLE = 20;

/**
 * Notes whom a command looked at, where potctl is set up and the role may write. Looking is allowed, and goes on where it cannot be noted (a
 * standby, a role that only reads); who looks up many people stands in the journal.
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
      reason: `${row!.people} different people looked up within ten minutes`,
      details: { person: nameOf(person), command },
    });
  } catch (error) {
    if (!(error instanceof PotctlError) || !['E_DB_DENIED', 'E_DB_QUERY', 'E_DB_CONSTRAINT'].includes(error.code))
      throw error;
  }
}
