import type { DatabasePart, DatabaseProperties, FilesPart, Manifest, SettledPart } from '../../catalog/manifest.js';
import { readDatabaseProperties } from '../../dump/database-properties.js';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';
import { databaseOid } from '../../runs/database/facts.js';

/** A manifest with all required properties. */
export interface SettledManifest extends Manifest {
  readonly database: SettledPart | null;
  readonly storage: FilesPart | null;
}

/**
 * Completes the properties (owner, encoding, locale, settings, grants) of a database whose backup does not contain them: with those of the
 * live database of that name, or, if there is none, with those of a new database.
 *
 * @param name of the live database
 * @returns the part, and a sentence for the plan if something was added
 * @throws E_DB_*
 */
export async function settlePart(
  server: Server,
  part: DatabasePart,
  name: string,
): Promise<{ readonly part: SettledPart; readonly warnings: readonly string[] }> {
  if (part.properties !== null) return { part: part as SettledPart, warnings: [] };
  const live = await liveProperties(server, name);
  if (live !== null) {
    const text = `the backup does not contain the owner, encoding, settings and grants of the database: those of "${name}" will be used`;
    return { part: { ...part, properties: live }, warnings: [text] };
  }
  const properties = { ...(await newProperties(server)), ...toldBy(part) };
  const { owner, encoding, collate } = properties;
  const text = `the backup does not contain the settings and grants of the database: it will have the owner "${owner}", ${encoding}, ${collate}, and no settings or grants`;
  return { part: { ...part, properties }, warnings: [text] };
}

/** Facts in the dump itself take precedence over the defaults of a new database. */
function toldBy({ told }: DatabasePart): Partial<DatabaseProperties> {
  const facts = Object.entries(told ?? {}).filter(([, value]) => value !== null);
  return Object.fromEntries(facts);
}

async function liveProperties(server: Server, name: string): Promise<DatabaseProperties | null> {
  const exists = await inSession(
    server.maintenanceSession('restore.plan'),
    async (session) => (await databaseOid(session, name)) !== null,
  );
  if (!exists) return null;
  return inSession(server.session({ database: name, purpose: 'restore.plan' }), readDatabaseProperties).catch(
    (error: unknown) => {
      // A live database that accepts no connections is a reason to restore it, not a reason against.
      if (sqlstateOf(error) !== undefined || (error instanceof PotctlError && error.code.startsWith('E_DB_')))
        return null;
      throw error;
    },
  );
}

/** The properties that CREATE DATABASE gives a database from template0, owned by the restoring role. */
async function newProperties(server: Server): Promise<DatabaseProperties> {
  return inSession(server.maintenanceSession('restore.plan'), async (session) => {
    const [row] = await session.query<{ owner: string; encoding: string; collate: string; ctype: string }>(
      `select current_user::text as owner, pg_encoding_to_char(encoding) as encoding,
              datcollate::text as "collate", datctype::text as ctype
         from pg_database where datname = 'template0'`,
    );
    return { ...row!, ...NEW };
  });
}

const NEW = {
  locale_provider: 'c',
  icu_locale: null,
  icu_rules: null,
  tablespace: 'pg_default',
  connection_limit: -1,
  is_template: false,
  allow_connections: true,
  comment: null,
  acl: null,
  settings: [],
  security_labels: [],
  has_public_schema: true,
};
