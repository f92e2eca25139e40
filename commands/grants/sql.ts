import type { WantedApplication } from '../../src/applications/detect.js';
import type { GrantPlace, GrantRole } from '../../src/grants/grants-sql.js';
import { PotctlError } from '../../src/kernel/errors.js';
import type { Server } from '../../src/postgres/server.js';
import { text } from '../cli/parse/options.js';
import { suggestion } from '../cli/parse/suggest.js';
import { itemCommand } from '../command.js';
import type { Context } from '../context.js';

/** `potctl grants sql`: printed, never run. */
export const grantsSqlCommand = itemCommand({
  name: 'grants sql',
  summary: 'print the least rights for support, auditors, backups or triage, as SQL; nothing is run',
  examples: ['potctl grants sql --role support -p prod', 'potctl grants sql --role backup -p prod > backup-role.sql'],
  needs: ['database'],
  input: {
    role: text('--role <role>', 'support, auditor, backup or triage'),
  },

  async run({ role }, context) {
    const { grantsSql } = await import('../../src/grants/grants-sql.js');
    const wanted = await roleOf(role);
    return { role: wanted, sql: grantsSql(wanted, await placeOf(context)) };
  },
  render: ({ sql }, view) => {
    for (const line of sql) view.line(line);
  },
});

async function roleOf(given: string | undefined): Promise<GrantRole> {
  const { GRANT_ROLES } = await import('../../src/grants/grants-sql.js');
  const role = GRANT_ROLES.find((name) => name === given);
  if (role !== undefined) return role;
  const wanted = `'--role' takes one of ${GRANT_ROLES.join(', ')}${given === undefined ? '' : `, not '${given}'`}`;
  throw new PotctlError('E_USAGE', wanted, suggestion(given ?? '', GRANT_ROLES));
}

async function placeOf(context: Context) {
  return findGrantPlace(await context.server(), (await context.settings()).application);
}

/** What rights are about: the application of the database, if it is one, and potctl's own schema, if it is there. */
async function findGrantPlace(server: Server, wanted: WantedApplication): Promise<GrantPlace> {
  const { detectApplication } = await import('../../src/applications/detect.js');
  const { readGuard, readSchemaVersion, SCHEMA_VERSION } = await import('../../src/journal/installed.js');
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
