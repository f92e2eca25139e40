import type { Adapter, Application, WithMfa } from '../applications/application.js';
import type { WantedApplication } from '../applications/detect.js';
import { type ApplicationDatabase, openApplication } from '../applications/open.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Server } from '../postgres/server.js';

/**
 * Connects and detects an application that has second factors. Leaves no session open on failure.
 *
 * @param known the applications to look for; undefined = the built-in ones
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

/** Narrows the type of a database whose application has second factors. @throws E_UNSUPPORTED if it has none */
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
