import type { Session } from '../postgres/server.js';

/** A user with a second factor, for practice at the support desk. */
export interface PracticePerson {
  readonly userId: string;
  readonly factorId: string;
  readonly username: string;
  readonly fullName: string;
  /** The secret, encrypted in potctl's envelope. */
  readonly sealed: string;
  readonly codeHash: string;
}

/** Inserts a user into the tables of `native`, as of a year ago. */
export async function insertPerson(session: Session, person: PracticePerson): Promise<void> {
  const { userId, factorId, username, fullName, sealed, codeHash } = person;
  await session.query(
    `insert into potctl_app.users (id, email, username, full_name, created_at, updated_at)
     values ($1, $2, $3, $4, now() - interval '400 days', now() - interval '300 days')`,
    [userId, `${username}@example.com`, username, fullName],
  );
  await session.query(
    `insert into potctl_app.mfa_factors (id, user_id, label, secret, status, created_at, enabled_at)
     values ($1, $2, 'phone', $3, 'enabled', now() - interval '300 days', now() - interval '300 days')`,
    [factorId, userId, sealed],
  );
  const code = 'insert into potctl_app.backup_codes (user_id, place, hash) values ($1, 1, $2)';
  await session.query(code, [userId, codeHash]);
}

/** The database role of the practice desk: not a superuser, but able to read secrets, so that every proof can be practiced. */
export const PRACTICE_ROLE = 'desk';

/** Creates that role. Must run as the owner of both schemas. */
export async function makePracticeRole(session: Session): Promise<void> {
  await session.query(`
    create role ${PRACTICE_ROLE} login;
    grant usage on schema potctl, potctl_app to ${PRACTICE_ROLE};
    grant select on all tables in schema potctl, potctl_app to ${PRACTICE_ROLE};
    grant insert on potctl_app.audit_log, potctl_app.security_events to ${PRACTICE_ROLE};
    grant execute on all functions in schema potctl, potctl_app to ${PRACTICE_ROLE}`);
}
