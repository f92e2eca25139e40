import path from 'node:path';
import type { DatabasePart, SettledPart } from '../../catalog/manifest.js';
import { createDatabaseStatements, propertyStatements } from '../../dump/database-properties.js';
import type { TocEntry } from '../../dump/toc.js';
import type { Check } from '../../kernel/check.js';
import { PotctlError } from '../../kernel/errors.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';
import { databaseOid } from '../../runs/database/facts.js';
import { runPurpose } from '../../runs/database/sessions-of-run.js';
import { quoteConninfo } from './conninfo.js';
import { type FailedObject, listenForFailures } from './failed-objects.js';
import { damagedEntries, withoutEntries } from './left-out.js';
import { runPlainDump } from './plain-dump.js';
import { restoreFailure } from './remedies.js';
import { writableEnvironment } from './writable.js';

/**
 * Creates the empty staging database, with all properties of the original that can only be set at creation.
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
  if (oid === null)
    throw new PotctlError('E_RESTORE_CHECK', `the database "${name}" does not exist after its creation`);
  if (!part.properties.has_public_schema) await dropPublicSchema(server, name);
  return oid;
}

/**
 * Applies the settings of the original that its own objects may read during the restore: a materialized view may read `app.tenant`, or
 * depend on the time zone. Settings that would interfere are applied later, by {@link applyProperties}.
 */
export async function applyEarlySettings(server: Server, name: string, { properties }: SettledPart): Promise<void> {
  const settings = properties.settings.filter(({ role, setting }) => role === null && !INTERFERING.test(setting));
  const nothingElse = { comment: null, acl: null, security_labels: [], connection_limit: -1, is_template: false };
  await inSession(server.maintenanceSession('restore.properties'), async (session) => {
    const early = propertyStatements(name, { ...properties, ...nothingElse, settings });
    for (const statement of early) await session.query(statement);
  });
}

/** Settings that would make statements of pg_restore, or its sessions, fail. */
const INTERFERING = /^(default_transaction_|\w+_timeout=|\w*preload_libraries=|role=|session_)/i;

/** Applies the properties of the original to the restored database: settings, per-role settings, grants, comment, labels. */
export async function applyProperties(server: Server, name: string, part: SettledPart): Promise<void> {
  await inSession(server.maintenanceSession('restore.properties'), async (session) => {
    for (const statement of propertyStatements(name, part.properties)) await session.query(statement);
  });
}

/** What to restore, and where. */
export interface RestoreDump {
  readonly name: string;
  readonly folder: string;
  readonly part: DatabasePart;
  /** The dump's table of contents; empty for a plain dump. */
  readonly toc: readonly TocEntry[];
  readonly jobs: number;
  /** Restore everything that can be restored, despite errors. */
  readonly continuePastErrors: boolean;
  /** Unreadable files of the backup that were accepted: with `continuePastErrors`, their contents are skipped. */
  readonly damaged: readonly Check[];
  /** An existing folder for a small temporary file. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/**
 * Restores the dump into the empty database.
 *
 * @returns the failures; only with `continuePastErrors`, otherwise the first error ends the restore
 * @throws E_TOOL_*, E_DB_* with the failed object and possible remedies; E_NO_SPACE
 */
export async function restoreDump(server: Server, request: RestoreDump): Promise<readonly FailedObject[]> {
  const { continuePastErrors, toc, damaged } = request;
  const left = damagedEntries(toc, continuePastErrors ? damaged : []);
  const failed = [...left.failed];
  for (const sections of passesFor(toc)) failed.push(...(await restorePass(server, request, left, sections)));
  return failed;
}

/**
 * pg_restore adds a check constraint to a table after its rows, while rows of inheriting tables may still be missing or being loaded: a
 * constraint that was never validated would reject them. If there are such constraints, all data is loaded first.
 */
function passesFor(toc: readonly TocEntry[]): readonly (readonly string[])[] {
  if (!toc.some(({ desc }) => desc === 'CHECK CONSTRAINT')) return [[]];
  return [['--section=pre-data', '--section=data'], ['--section=post-data']];
}

async function restorePass(
  server: Server,
  request: RestoreDump,
  left: ReturnType<typeof damagedEntries>,
  sections: readonly string[],
): Promise<readonly FailedObject[]> {
  const { continuePastErrors, toc, scratch } = request;
  const failures = listenForFailures(toc);
  try {
    await withoutEntries(toc, left, scratch, (options) =>
      runRestore(server, request, [...options, ...sections], failures.line),
    );
    return failures.failed();
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    // A pg_restore that finished prints a summary; any other error stopped it.
    if (continuePastErrors && failures.reachedEnd() && error.code !== 'E_NO_SPACE') return failures.failed();
    throw restoreFailure(error, failures.failed(), { ...request, settings: server.settings });
  }
}

async function runRestore(
  server: Server,
  request: RestoreDump,
  options: readonly string[],
  onStderrLine: (line: string) => void,
): Promise<void> {
  const { name, folder, part, jobs, continuePastErrors, signal } = request;
  if (part.dump.format === 'plain') return runPlainDump(server, { ...request, onStderrLine });
  // Only with --verbose does pg_restore print which entry of the dump an error belongs to.
  const args = [...options, '--verbose', `--jobs=${jobs}`, '--no-password', `--dbname=dbname=${quoteConninfo(name)}`];
  if (!continuePastErrors) args.push('--exit-on-error');
  const dump = path.join(folder, part.backup_file);
  const environment = await writableEnvironment(server, name);
  await server.runTool('pg_restore', [...args, dump], {
    database: name,
    signal,
    environment,
    onStderrLine,
  });
}

async function dropPublicSchema(server: Server, name: string): Promise<void> {
  const opening = server.session({ database: name, purpose: 'restore.create' });
  await inSession(opening, (session) => session.query('drop schema if exists public'));
}
