import { PotctlError } from '../errors.js';
import type { Session } from '../postgres/server.js';

/** The newest version of potctl's own schema that this program knows; templates/sql/potctl-<n>.sql leads from n - 1 to n. */
export const SCHEMA_VERSION = 2;

/**
 * The version of the schema `potctl` in the session's database; null = there is none.
 *
 * @throws E_REFUSED when a schema of that name is somebody else's, E_DB_DENIED when the role may not look into it
 */
export async function readSchemaVersion(session: Session): Promise<number | null> {
  const [found] = await session.query<{ schema: boolean; ours: boolean; usable: boolean | null }>(
    `select exists (select from pg_namespace where nspname = 'potctl') as schema,
            exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where n.nspname = 'potctl' and c.relname = 'schema_version') as ours,
            (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'potctl') as usable`,
  );
  if (!found?.schema) return null;
  if (!found.ours) {
    throw new PotctlError('E_REFUSED', 'the database has a schema "potctl" that is not from potctl', {
      fix: ['Look what is in it, and rename it: ALTER SCHEMA potctl RENAME TO …'],
    });
  }
  if (!found.usable) {
    throw new PotctlError('E_DB_DENIED', 'this role may not look into the schema "potctl"', {
      fix: ['Use the role that installed it, or let it grant: GRANT USAGE ON SCHEMA potctl TO …'],
    });
  }
  const [row] = await session.query<{ version: number }>('select max(version) as version from potctl.schema_version');
  return row!.version;
}

/** @throws E_SETUP_MISSING where there is no journal yet, E_SETUP_NEWER; else as {@link readSchemaVersion} */
export async function requireJournal(session: Session): Promise<void> {
  const version = await readSchemaVersion(session);
  if (version === null) throw new PotctlError('E_SETUP_MISSING', 'the database has no journal of potctl yet');
  if (version > SCHEMA_VERSION) throw newer(version);
}

/** The error of a schema that a later potctl installed. */
export function newer(version: number): PotctlError {
  return new PotctlError('E_SETUP_NEWER', `the schema "potctl" is of version ${version}`, {
    why: `this potctl knows ${SCHEMA_VERSION}`,
  });
}
