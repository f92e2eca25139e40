import type { WantedApplication } from '../../../src/applications/detect.js';
import type { GrantPlace } from '../../../src/grants/grants-sql.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { Server } from '../../../src/postgres/server.js';

/** What rights are about: the application of the database, if it is one, and potctl's own schema, if it is there. */
export async function findGrantPlace(server: Server, wanted: WantedApplication): Promise<GrantPlace> {
  const { detectApplication } = await import('../../../src/applications/detect.js');
  const { readGuard, readSchemaVersion, SCHEMA_VERSION } = await import('../../../src/journal/installed.js');
  const session = await server.session({ purpose: 'grants' });
  try {
    const found = await detectApplication(session, wanted).catch((error: unknown) => {
      if (
        error instanceof PotctlError &&
        error.code === 'E_APPLICATION' &&
        wanted.name === 'auto' &&
        wanted.schema === null
      )
        return null;
      throw error;
    });
    const installed = (await readSchemaVersion(session)) === SCHEMA_VERSION;
    const { database } = server.settings;
    const guardedBy = await readGuard(session, found?.schema ?? null);
    return {
      database,
      installed,
      guardedBy,
      application: found?.application ?? null,
      schema: found?.schema ?? 'public',
    };
  } finally {
    await session.close();
  }
}
