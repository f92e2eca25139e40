import type { Adapter, Application, WithMfa } from '../applications/application.js';
import type { WantedApplication } from '../applications/detect.js';
import { type ApplicationDatabase, openApplication } from '../applications/open.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Server } from '../postgres/server.js';

/**
 * Connects and recognizes an application that has second factors. What fails leaves no session behind.
 *
 * @param known the applications that are looked for; undefined = those that potctl knows by itself
 * @throws E_UNSUPPORTED, E_APPLICATION, E_DB_*
 */
export async function openWithMfa(
  server: Server,
  wanted: WantedApplication,
  purpose: string,
  known?: readonly Adapter[],
): Promise<ApplicationDatabase<WithMfa>> {
  const database = await openApplication(server, wanted, purpose, known);
  try {
    return requireMfa(database);
  } catch (error) {
    await (await database.session(purpose)).close();
    throw error;
  }
}

/** The same database, for whoever works on second factors. @throws E_UNSUPPORTED where the application has none */
export function requireMfa(database: ApplicationDatabase): ApplicationDatabase<WithMfa> {
  const { application } = database;
  if (hasMfa(application)) return { ...database, application };
  throw new PotctlError('E_UNSUPPORTED', `second factors are not supported by '${application.name}'`, {
    fix: [
      advice`Everything else works: ${potctl('backup', 'create')}, ${potctl('restore', 'plan')}, ${potctl('history')}.`,
    ],
  });
}

const hasMfa = (application: Application): application is WithMfa => application.mfa !== undefined;
