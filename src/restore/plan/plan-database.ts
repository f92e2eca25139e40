import path from 'node:path';
import type { Manifest, SettledPart } from '../../catalog/manifest.js';
import type { TocEntry } from '../../dump/toc.js';
import type { Server } from '../../postgres/server.js';
import { keptDatabaseName, stagedDatabaseName } from '../../runs/names.js';
import { temporaryFolder } from '../../runs/temporary-folder.js';
import { superuserPublications } from '../database/definitions.js';
import { groupsIn, readGlobals, rolesToCreate } from '../database/roles.js';
import type { RestoreDeps, RestoreRequest } from '../deps.js';
import { type Assessment, assessDatabase, superuserEntries } from './assess.js';
import { type ObservedLoss, observeLoss } from './observe-loss.js';
import { type ObservedServer, observeServer } from './observe-server.js';
import type { PlannedDatabase } from './plan.js';
import { journalWarning, type ReplacedJournal, replacedByBackup } from './replaced-journal.js';
import { settlePart } from './settle-part.js';

/** The plan for the database. */
export interface DatabasePlan extends Assessment {
  readonly planned: PlannedDatabase;
  /** What will be restored, with all required properties. */
  readonly part: SettledPart;
}

/** Inspects the server and plans the restore of the database. Changes nothing. @throws E_DB_* */
export async function planDatabase(
  deps: RestoreDeps,
  request: RestoreRequest,
  manifest: Manifest,
  folder: string,
): Promise<DatabasePlan> {
  const server = deps.server!;
  const name = targetName(request, server);
  const { part, warnings } = await settlePart(server, manifest.database!, server.settings.database);
  const names = { staged: stagedDatabaseName(name, request.runId), kept: keptDatabaseName(name, request.runId) };
  const dumpFolder = path.join(folder, part.backup_file);
  const toc = part.dump.format === 'plain' ? [] : await deps.readToc(dumpFolder);
  const globals = request.createRoles ? await readGlobals(folder, part) : '';
  const seen = await observeServer(server, {
    database: name,
    names: request.mode === 'new' ? [name, names.staged] : [names.staged, names.kept],
    roles: [...new Set([...rolesOf(part), ...groupsIn(globals)])],
    owners: ownersOf(part, toc),
    extensions: part.extensions.filter((extension) => extension.name !== 'plpgsql'),
    tablespaces: [...new Set([...part.tablespaces, part.properties.tablespace])],
    tablespace: part.properties.tablespace,
  });
  const missingRoles = rolesToCreate(globals, rolesOf(part), (role) => seen.missingRoles.includes(role));
  const observed = { ...seen, missingRoles };
  const assessment = assessDatabase(part, observed, {
    mode: request.mode,
    target: name,
    expectedSystemIdentifier: request.expectedSystemIdentifier,
    createRoles: request.createRoles,
    neededBytes: neededBytes(part),
    superuserEntries: await onlyForSuperusers(deps, observed, toc, dumpFolder),
  });
  const loss = await lossOf(deps, request, observed, name, manifest);
  const journal = loss && replacedByBackup(loss);
  const journalWarnings = journal === null ? [] : [journalWarning(journal, "the backup's")];
  return {
    blocking: assessment.blocking,
    warnings: [...warnings, ...assessment.warnings, ...journalWarnings],
    planned: plannedOf(server, observed, part, { name, ...names, loss, journal }),
    part,
  };
}

/** An imported dump does not contain the size of its database, which is at least as large as the dump's text. */
function neededBytes({ server, inventory }: SettledPart): number {
  return server.size_bytes ?? inventory.text_bytes ?? 0;
}

function targetName({ mode, into }: RestoreRequest, server: Server): string {
  return mode === 'new' && into !== null ? into : server.settings.database;
}

function rolesOf({ roles, properties }: SettledPart): string[] {
  const settingRoles = properties.settings.flatMap(({ role }) => (role === null ? [] : [role]));
  return [...new Set([...roles, properties.owner, ...settingRoles])];
}

/** Nobody can be granted `pg_database_owner`: its only member is the database's owner. */
function ownersOf({ properties }: SettledPart, toc: readonly TocEntry[]): string[] {
  const owners = [properties.owner, ...toc.map(({ owner }) => owner)];
  return [...new Set(owners)].filter((owner) => owner !== '' && owner !== 'pg_database_owner');
}

async function onlyForSuperusers(
  deps: RestoreDeps,
  { role }: ObservedServer,
  toc: readonly TocEntry[],
  dumpFolder: string,
): Promise<string[]> {
  if (role.superuser) return [];
  const { signal, childEnvironment } = deps;
  const dump = { server: deps.server!, folder: dumpFolder, scratch: temporaryFolder(childEnvironment), signal };
  const hasPublications = toc.some(({ desc }) => desc.startsWith('PUBLICATION'));
  return superuserEntries(toc, hasPublications ? await superuserPublications(dump) : []);
}

async function lossOf(
  deps: RestoreDeps,
  { mode }: RestoreRequest,
  { database }: ObservedServer,
  name: string,
  manifest: Manifest,
): Promise<ObservedLoss | null> {
  if (mode === 'new' || database === null) return null;
  if (!database.connectable)
    return { tables: [], missing: [], unknown: ['the live database does not allow connections'] };
  const takenAt = manifest.snapshot?.taken_at ?? manifest.timestamp;
  return observeLoss({ ...deps, server: deps.server! }, name, manifest.database!, takenAt);
}

function plannedOf(
  server: Server,
  observed: ObservedServer,
  part: SettledPart,
  target: { name: string; staged: string; kept: string; loss: ObservedLoss | null; journal: ReplacedJournal | null },
): PlannedDatabase {
  const { host, port } = server.settings;
  const { database } = observed;
  return {
    host,
    port,
    user: observed.role.name,
    systemIdentifier: observed.systemIdentifier,
    serverVersion: observed.version,
    name: target.name,
    stagedAs: target.staged,
    present: database && { oid: database.oid, bytes: database.bytes, keptAs: target.kept },
    tables: part.inventory.tables.length,
    rows: part.inventory.rows_total,
    neededBytes: neededBytes(part),
    freeBytes: observed.freeBytes,
    createdRoles: observed.missingRoles,
    loss: target.loss,
    journal: target.journal,
  };
}
