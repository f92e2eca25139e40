import { createHash } from 'node:crypto';
import type { Factor, Person } from '../applications/application.js';
import type { Session } from '../postgres/server.js';

/** What an operator agrees to when a plan is confirmed. */
export interface Agreed {
  readonly person: Person;
  readonly factors: readonly Factor[];
  /** As stored; null = the application has none, or this role may not read them. */
  readonly codes: readonly string[] | null;
  /** The last change that this role can see; null where it reads secrets and codes themselves, and so needs no such sign. */
  readonly lastChange: string | null;
}

/**
 * A hash of what was shown and of what stood behind it, secret and codes included. When it differs under the lock, somebody was faster.
 *
 * A role that may not read secrets compares what it sees: rows with their times, and the last change that went through potctl.
 */
export function fingerprintOf({ person, factors, codes, lastChange }: Agreed): string {
  const { id, email, username, isAdmin, active, updatedAt } = person;
  const who = [id, email, username, isAdmin, active, lastChange === null ? null : updatedAt];
  const rows = factors.map((one) => [one.id, one.kind, one.state, one.secret ?? null, one.createdAt, one.verifiedAt]);
  return createHash('sha256')
    .update(JSON.stringify([who, rows, codes, lastChange]))
    .digest('hex');
}

/** The number of the journal's last entry in which potctl changed this person's second factor; `0` = none. */
export async function readLastChange(session: Session, target: string): Promise<string> {
  const [row] = await session.query<{ seq: string }>(
    `select coalesce(pg_catalog.max(seq), 0)::pg_catalog.text as seq from potctl.journal
      where target = $1 and status = 'done' and starts_with(action, 'mfa.') and details->>'changed' = 'true'`,
    [target],
  );
  return row!.seq;
}
