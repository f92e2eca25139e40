import { createHash } from 'node:crypto';
import type { Factor, Person } from '../applications/application.js';
import type { Session } from '../postgres/server.js';

/** The state that an operator confirms with a plan. */
export interface Agreed {
  readonly person: Person;
  readonly factors: readonly Factor[];
  /** As stored; null = the application has none, or this role cannot read them. */
  readonly codes: readonly string[] | null;
  /** The last change in the journal; null if the role reads secrets and codes, which show every change. */
  readonly lastChange: string | null;
}

/**
 * Returns a hash of the state, secrets and codes included. If it differs under the lock, someone else made a change.
 *
 * For a role that cannot read secrets it covers rows, their times, and the last change made with potctl.
 */
export function fingerprintOf({ person, factors, codes, lastChange }: Agreed): string {
  const { id, email, username, isAdmin, active, updatedAt } = person;
  const who = [id, email, username, isAdmin, active, lastChange === null ? null : updatedAt];
  const rows = factors.map((one) => [one.id, one.kind, one.state, one.secret ?? null, one.createdAt, one.verifiedAt]);
  return createHash('sha256')
    .update(JSON.stringify([who, rows, codes, lastChange]))
    .digest('hex');
}

/** Reads the number of the last journal entry that changed this person's second factor; `0` = none. */
export async function readLastChange(session: Session, target: string): Promise<string> {
  const [row] = await session.query<{ seq: string }>(
    `select coalesce(pg_catalog.max(seq), 0)::pg_catalog.text as seq from potctl.journal
      where target = $1 and status = 'done' and starts_with(action, 'mfa.') and details->>'changed' = 'true'`,
    [target],
  );
  return row!.seq;
}
