import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import { type BackupCodes, type MfaFacet, PRIVATE } from './application.js';

/**
 * Changes second factors through functions of the owner of the tables, so that a support login does not need the right to write secrets or
 * codes. The functions require a journal entry. Secret values are read from {@link PRIVATE} by the caller's own statement: a function that
 * read from pg_temp could be made to run the caller's code with the owner's rights.
 *
 * @see templates/sql/native-2.sql
 */
export const NATIVE_WRITES = {
  async enroll(session, person, { factorId, label }) {
    await run(
      session,
      `select potctl_app.mfa_enroll($1::pg_catalog.uuid, $2::pg_catalog.uuid, $3::pg_catalog.text,
                                    (select value::pg_catalog.text from ${PRIVATE} where n = 0))`,
      [person.id, factorId, label],
    );
    return factorId;
  },
  async enable(session, person, factorId) {
    await run(session, 'select potctl_app.mfa_enable($1::pg_catalog.uuid, $2::pg_catalog.uuid)', [person.id, factorId]);
  },
  async disable(session, person, factors) {
    const off = await run<Record<string, unknown>>(
      session,
      'select id, kind from potctl_app.mfa_disable($1::pg_catalog.uuid, $2::pg_catalog.uuid[])',
      [person.id, factors.map(({ id }) => id)],
    );
    await run(session, CLEAR, [person.id]);
    return off;
  },
  async markUsed(session, factorId, step) {
    const used = 'select potctl_app.mfa_mark_used($1::pg_catalog.uuid, $2::pg_catalog.int8)';
    await run(session, used, [factorId, String(step)]);
  },
  async unlock(session, person) {
    await run(session, 'select potctl_app.unlock($1::pg_catalog.uuid)', [person.id]);
  },
  async requireEnrollment(session, person) {
    await run(session, 'select potctl_app.require_enrollment($1::pg_catalog.uuid)', [person.id]);
  },
} satisfies Partial<MfaFacet>;

/** @see NATIVE_WRITES */
export const NATIVE_CODE_WRITES = {
  async replace(session, person) {
    await run(
      session,
      `select potctl_app.codes_replace($1::pg_catalog.uuid,
                (select pg_catalog.array_agg(value::pg_catalog.text order by n) from ${PRIVATE}))`,
      [person.id],
    );
  },
  async remove(session, person, index) {
    const [row] = await run<{ used: boolean }>(
      session,
      'select potctl_app.code_use($1::pg_catalog.uuid, $2::pg_catalog.int4) as used',
      [person.id, index],
    );
    return row!.used;
  },
  async clear(session, person) {
    await run(session, CLEAR, [person.id]);
  },
} satisfies Partial<BackupCodes>;

/** Locks a person through a function, since a role without the right to write cannot lock rows. */
export async function lockPerson(session: Session, person: { readonly id: string }): Promise<void> {
  await run(session, 'select potctl_app.lock_person($1::pg_catalog.uuid)', [person.id]);
}

/** Ends all sessions of a person. @returns how many */
export async function endSessions(session: Session, person: { readonly id: string }): Promise<number> {
  const [row] = await run<{ ended: number }>(session, 'select potctl_app.sessions_end($1::pg_catalog.uuid) as ended', [
    person.id,
  ]);
  return row!.ended;
}

const CLEAR = 'select potctl_app.codes_clear($1::pg_catalog.uuid)';

/** @throws E_SETUP_MISSING if the functions are not installed */
async function run<Row extends object>(session: Session, sql: string, values: readonly unknown[]): Promise<Row[]> {
  return session.query<Row>(sql, values).catch((error: unknown) => {
    if (!isMissingFunction(error)) throw error;
    throw new PotctlError('E_SETUP_MISSING', 'the functions that change second factors are not installed', {
      why: 'the schema "potctl_app" has version 1; version 2 is required',
      fix: [advice`Ask its owner to install them: ${potctl('setup', '--application', 'native')}`],
    });
  });
}

const isMissingFunction = (error: unknown): boolean =>
  error instanceof PotctlError && typeof error.why === 'object' && error.why['sqlstate'] === '42883';
