import type { Base } from '../host/base.js';
import { PotctlError } from '../kernel/errors.js';
import type { GrantPlace, GrantRole } from './grants-sql.js';

/** Least-privilege grants for a role, as SQL. */
export interface Grants {
  readonly roles: readonly GrantRole[];
  sql(role: GrantRole): Promise<readonly string[]>;
}

/** Wires the grants. Nothing is opened before it is needed. */
export async function openGrants(base: Base): Promise<Grants> {
  const { GRANT_ROLES, grantsSql } = await import('./grants-sql.js');
  return { roles: GRANT_ROLES, sql: async (role) => grantsSql(role, await findPlace(base)) };
}

/** Finds the application of the database, if any, and potctl's own schema, if installed. */
async function findPlace(base: Base): Promise<GrantPlace> {
  const { detectApplication } = await import('../applications/detect.js');
  const { readGuard, readSchemaVersion, SCHEMA_VERSION } = await import('../journal/installed.js');
  const wanted = (await base.settings()).application;
  const server = await base.server();
  const session = await server.session({ purpose: 'grants' });
  try {
    const isAnyWanted = wanted.name === 'auto' && wanted.schema === null;
    const found = await detectApplication(session, wanted, base.host.applications).catch((error: unknown) => {
      if (isAnyWanted && error instanceof PotctlError && error.code === 'E_APPLICATION') return null;
      throw error;
    });
    return {
      database: server.settings.database,
      installed: (await readSchemaVersion(session)) === SCHEMA_VERSION,
      guardedBy: await readGuard(session, found?.schema ?? null),
      application: found?.application ?? null,
      schema: found?.schema ?? 'public',
    };
  } finally {
    await session.close();
  }
}
