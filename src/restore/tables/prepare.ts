import path from 'node:path';
import type { DatabasePart, Manifest, SettledPart, TableRows } from '../../catalog/manifest.js';
import { ERROR_CATALOG, ExitCode } from '../../kernel/error-catalog.js';
import { PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import { RUN_ID_TO_COME, stagedDatabaseName } from '../../runs/names.js';
import { recordsWarning } from '../../runs/record.js';
import type { RestoreDeps } from '../deps.js';
import {
  acceptable,
  assessDatabase,
  type Blocker,
  block,
  decisiveBlocker,
  profileBlockers,
  refuseBlocked,
  settleAccepted,
  superuserEntries,
} from '../plan/assess.js';
import { chooseBackup } from '../plan/choose-backup.js';
import { type ObservedServer, observeServer } from '../plan/observe-server.js';
import { assessStored, plannedBackup } from '../plan/prepare.js';
import { settlePart } from '../plan/settle-part.js';
import { type GraphEntry, readGraph } from './graph.js';
import { type ObservedLive, observeLive } from './observe.js';
import type { PlannedTable, TablesPlan } from './plan.js';
import type { TablesRequest } from './request.js';
import { type ChosenTable, selectTables, type TableSelection, WHOLE_BACKUP } from './select.js';

/** A plan for single tables, and what the run needs of the backup. */
export interface PreparedTables {
  readonly plan: TablesPlan;
  readonly manifest: Manifest;
  readonly part: SettledPart;
  /** The dump. */
  readonly dump: string;
  readonly selection: TableSelection;
}

/** A plan, and the exit code that the run would have now. */
export type JudgedTablesPlan = TablesPlan & { readonly exit: ExitCode };

/** Shows what a restore of single tables would do, and its blockers. Changes nothing. @throws like prepareRestore */
export async function planTables(deps: RestoreDeps, request: TablesRequest): Promise<JudgedTablesPlan> {
  const { plan } = await prepareTables(deps, request);
  const decisive = decisiveBlocker(plan.blocking);
  const stagedAs = plan.database.stagedAs.replace(plan.runId, RUN_ID_TO_COME);
  return {
    ...plan,
    database: { ...plan.database, stagedAs },
    exit: decisive === undefined ? ExitCode.ok : ERROR_CATALOG[decisive.code].exit,
  };
}

/** Like {@link planTables}, for a run that follows. @throws the blockers */
export async function readyTables(deps: RestoreDeps, request: TablesRequest): Promise<PreparedTables> {
  const prepared = await prepareTables(deps, request);
  refuseBlocked(prepared.plan.blocking);
  return prepared;
}

/**
 * Finds backup and tables, verifies every stored byte once, and inspects the server.
 *
 * @throws E_BACKUP_NOT_FOUND, E_PIECE_NOT_FOUND, E_REFUSED (a view, a partition), E_UNFIT, E_BACKUP_CORRUPT, E_DB_*
 */
export async function prepareTables(deps: RestoreDeps, request: TablesRequest): Promise<PreparedTables> {
  const { repository } = deps;
  const { set, entry, warnings, manifest } = await chooseBackup(deps, request);
  const { part } = await settlePart(deps.server!, readablePart(manifest), deps.server!.settings.database);
  const stored = assessStored(manifest.id, (await deps.verify(entry.id)).checks);
  refuseBlocked(settleAccepted(stored, request.accept).blocking);
  const dump = path.join(await repository.artifacts(entry.id), part.backup_file);
  const graph = await readGraph(deps.server!, dump, deps.signal);
  const selection = selectTables(graph, request.tables, manifest.id);
  const found = await observe(deps, request, part, graph, selection);
  const { runId, profile, intoSchema: schema } = request;
  const blocking = [...stored.blocking, ...profileBlockers(request), ...found.blocking];
  const settled = settleAccepted(
    { blocking, warnings: [...recordsWarning(deps), ...stored.warnings, ...warnings, ...found.warnings] },
    request.accept,
  );
  const plan: TablesPlan = {
    ...{ runId, mode: 'tables', profile: profile.name, environment: profile.environment, set },
    ...{ backup: plannedBackup(manifest, entry), schema, leftOut: selection.leftOut, ...found },
    ...settled,
    confirm: schema,
  };
  return { plan, manifest, part, dump, selection };
}

function readablePart({ id, database }: Manifest): DatabasePart {
  if (database !== null && database.dump.format !== 'plain') return database;
  const why = database === null ? 'has no database' : 'is one SQL script, from which single tables cannot be restored';
  throw new PotctlError('E_UNFIT', `the backup '${id}' ${why}`, {
    fix: [
      advice`Choose another one: ${potctl('backup', 'list')}.`,
      advice`Or restore it completely into a new database: ${WHOLE_BACKUP}`,
    ],
  });
}

async function observe(
  deps: RestoreDeps,
  request: TablesRequest,
  part: SettledPart,
  graph: readonly GraphEntry[],
  selection: TableSelection,
) {
  const { database: name } = deps.server!.settings;
  const restored = restoredEntries(graph, selection);
  const observed = await observeNeeds(deps, request, part, restored);
  const names = selection.tables.flatMap((table) => [table.name, ...table.partitions.map((one) => one.name)]);
  const database = plannedDatabase(deps, request, observed);
  const live = await observeLive(deps, name, { schema: request.intoSchema, names, needs: selection.needs });
  const tables = selection.tables.map((table) => plannedTable(table, part, graph));
  const neededBytes = 2 * (tables.reduce((sum, { bytes }) => sum + bytes, 0) || (part.inventory.text_bytes ?? 0));
  const superuserOnly = observed.role.superuser ? [] : superuserEntries(restored, []);
  const { blocking, warnings } = assess(part, observed, request, { neededBytes, superuserOnly });
  return {
    ...{ database, tables, neededBytes, needs: live.needs, schemaExists: live.schemaExists },
    blocking: [...blocking.map(unconditional), ...liveBlockers(live, request)],
    warnings: [...warnings, ...liveWarnings(live, request)],
  };
}

function restoredEntries(graph: readonly GraphEntry[], { entries }: TableSelection): GraphEntry[] {
  const ids = new Set(entries);
  return graph.filter(({ dumpId }) => ids.has(dumpId));
}

function observeNeeds(
  { server }: RestoreDeps,
  { runId }: TablesRequest,
  part: SettledPart,
  restored: readonly GraphEntry[],
): Promise<ObservedServer> {
  const { database } = server!.settings;
  const names = restored.filter(({ desc }) => desc === 'EXTENSION').map(({ name }) => name);
  return observeServer(server!, {
    ...{ database, names: [stagedDatabaseName(database, runId)], roles: [], owners: [], tablespace: 'pg_default' },
    tablespaces: [...new Set(part.tablespaces)],
    extensions: part.extensions.filter(({ name }) => names.includes(name)),
  });
}

function plannedDatabase(
  { server }: RestoreDeps,
  { runId }: TablesRequest,
  observed: ObservedServer,
): TablesPlan['database'] {
  const { host, port, database: name } = server!.settings;
  const { systemIdentifier, version: serverVersion, freeBytes, role } = observed;
  const { oid } = presentOf(observed, name);
  const stagedAs = stagedDatabaseName(name, runId);
  return { ...{ host, port, user: role.name, systemIdentifier, serverVersion, name }, freeBytes, oid, stagedAs };
}

function presentOf({ database }: ObservedServer, name: string): { readonly oid: number } {
  if (database !== null) return database;
  throw new PotctlError(
    'E_DATABASE_NOT_FOUND',
    `database "${name}" does not exist, so tables cannot be restored into it`,
    {
      fix: [advice`Restore the whole backup: ${potctl('restore', 'run')}`],
    },
  );
}

/** Owners, grants and settings are not restored, so they cannot block. */
function assess(
  part: SettledPart,
  observed: ObservedServer,
  request: TablesRequest,
  { neededBytes, superuserOnly }: { readonly neededBytes: number; readonly superuserOnly: readonly string[] },
) {
  const bare = { ...part, properties: { ...part.properties, settings: [], security_labels: [] } };
  const { expectedSystemIdentifier } = request;
  const target = observed.database === null ? '' : request.database!;
  const asked = { mode: 'new' as const, target, expectedSystemIdentifier, createRoles: false, neededBytes };
  return assessDatabase(bare, observed, { ...asked, superuserEntries: superuserOnly });
}

function plannedTable(
  { schema, name, dumpId, partitions }: ChosenTable,
  part: SettledPart,
  graph: readonly GraphEntry[],
): PlannedTable {
  const parts = [dumpId, ...partitions.map((one) => one.dumpId)];
  const data = graph.filter(({ desc, needs }) => desc === 'TABLE DATA' && needs.some((id) => parts.includes(id)));
  const rows = data.map((entry) => rowsOf(entry, part));
  const isExact = rows.every((one) => one?.exact === true && one.count !== null);
  return {
    ...{ schema, table: name, partitions: partitions.length },
    rows: isExact ? rows.reduce((sum, one) => sum + one!.count!, 0) : null,
    bytes: rows.reduce((sum, one) => sum + (one?.bytes ?? 0), 0),
  };
}

/** The data file's name contains the dump id of the entry; without a file, the names decide. */
function rowsOf({ dumpId, schema, name }: GraphEntry, { inventory }: DatabasePart): TableRows | undefined {
  const file = new RegExp(`(^|/)${dumpId}\\.dat(\\.\\w+)?$`);
  const byFile = inventory.tables.find(({ member }) => member !== null && file.test(member));
  return byFile ?? inventory.tables.find((one) => one.schema === schema && one.table === name);
}

/** Single tables are restored completely or not at all: failures of objects cannot be accepted, only a lack of space can. */
const unconditional = ({ accept, ...blocker }: Blocker): Blocker =>
  accept === 'space' ? { ...blocker, accept } : blocker;

function liveBlockers(live: ObservedLive, { intoSchema }: TablesRequest): Blocker[] {
  const found: Blocker[] = [];
  if (live.taken.length > 0) {
    const text = `the schema "${intoSchema}" already contains ${live.taken.map((name) => `"${name}"`).join(', ')}`;
    found.push(block(text, 'Choose another schema with --into-schema.'));
  }
  if (!live.mayCreate)
    found.push(block(`this role may not create schemas in the database, or tables in "${intoSchema}"`));
  for (const { kind, name } of live.needs.filter(({ present }) => present === false)) {
    const fix = advice`Create it first, or restore the whole backup into a new database: ${WHOLE_BACKUP}.`;
    found.push(block(`the tables require the ${kind} ${name}, which does not exist in the live database`, fix));
  }
  for (const name of live.publications) {
    const text = `the publication "${name}" would send the rows of the new tables to its subscribers`;
    found.push(acceptable(`publication ${name}`, block(text)));
  }
  return found;
}

function liveWarnings({ needs }: ObservedLive, { intoSchema }: TablesRequest): string[] {
  const sequences = needs.filter(({ kind }) => kind === 'sequence').map(({ name }) => name);
  if (sequences.length === 0) return [];
  return [`tables in "${intoSchema}" will get their default values from the live sequence ${sequences.join(', ')}`];
}
