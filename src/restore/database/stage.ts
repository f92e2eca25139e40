import path from 'node:path';
import type { DatabasePart, SettledPart } from '../../backup/manifest.js';
import { PotctlError } from '../../errors.js';
import { createDatabaseStatements, propertyStatements } from '../../postgres/database-properties.js';
import type { Server } from '../../postgres/server.js';
import { inSession } from '../in-session.js';
import { quoteConninfo } from './conninfo.js';
import { databaseOid } from './facts.js';
import { runPlainDump } from './plain-dump.js';
import { runPurpose } from './sessions-of-run.js';
import { writableEnvironment } from './writable.js';

/**
 * Creates the empty database that a dump is restored into, like the original in all that can only be said at creation.
 *
 * @returns its oid
 * @throws E_DB_DENIED, E_DB_QUERY
 */
export async function createStagedDatabase(
  server: Server,
  name: string,
  part: SettledPart,
  runId: string,
): Promise<number> {
  const oid = await inSession(server.maintenanceSession(runPurpose('create', runId)), async (session) => {
    // Copying template0 takes as long as the disk needs.
    await session.query('set statement_timeout = 0');
    const statements = createDatabaseStatements(name, part.properties, session.versionNum);
    for (const statement of statements) await session.query(statement);
    return databaseOid(session, name);
  });
  if (oid === null) throw new PotctlError('E_RESTORE_CHECK', `the database "${name}" is not there after its creation`);
  if (!part.properties.has_public_schema) await dropPublicSchema(server, name);
  return oid;
}

/**
 * Gives the empty database those of the original's settings that its own objects may ask for while they are restored: a materialized
 * view may read `app.tenant`, or depend on the time zone. What would hinder the restore comes afterwards, with {@link applyProperties}.
 */
export async function applyEarlySettings(server: Server, name: string, { properties }: SettledPart): Promise<void> {
  const settings = properties.settings.filter(({ role, setting }) => role === null && !HINDERING.test(setting));
  const nothingElse = { comment: null, acl: null, security_labels: [], connection_limit: -1, is_template: false };
  await inSession(server.maintenanceSession('restore.properties'), async (session) => {
    const early = propertyStatements(name, { ...properties, ...nothingElse, settings });
    for (const statement of early) await session.query(statement);
  });
}

/** Settings that would refuse or break off what pg_restore does, or its sessions as such. */
const HINDERING = /^(default_transaction_|\w+_timeout=|\w*preload_libraries=|role=|session_)/i;

/** Makes the restored database what the original was besides its content: settings, per-role settings, grants, comment, labels. */
export async function applyProperties(server: Server, name: string, part: SettledPart): Promise<void> {
  await inSession(server.maintenanceSession('restore.properties'), async (session) => {
    for (const statement of propertyStatements(name, part.properties)) await session.query(statement);
  });
}

/** Restores the dump into the empty database; the first error ends it. @throws E_TOOL_*, E_DB_*, E_NO_SPACE */
export async function restoreDump(
  server: Server,
  request: {
    readonly name: string;
    readonly folder: string;
    readonly part: DatabasePart;
    readonly jobs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { name, folder, part, jobs, signal } = request;
  if (part.dump.format === 'plain') return runPlainDump(server, request);
  const args = ['--exit-on-error', `--jobs=${jobs}`, '--no-password', `--dbname=dbname=${quoteConninfo(name)}`];
  const environment = await writableEnvironment(server, name);
  await server.runTool('pg_restore', [...args, path.join(folder, part.backup_file)], {
    database: name,
    signal,
    environment,
  });
}

async function dropPublicSchema(server: Server, name: string): Promise<void> {
  const opening = server.session({ database: name, purpose: 'restore.create' });
  await inSession(opening, (session) => session.query('drop schema if exists public'));
}
