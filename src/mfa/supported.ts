import type { Application, WithMfa } from '../applications/application.js';
import type { ApplicationDatabase } from '../applications/open.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';

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
