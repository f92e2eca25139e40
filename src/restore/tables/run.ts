import type { Advice } from '../../kernel/next.js';
import { abandon } from '../../runs/abandon.js';
import { dropStagedDatabase } from '../../runs/database/drop-staged.js';
import { closeForward } from '../../runs/finish.js';
import { openJournal } from '../../runs/journal.js';
import { describeLeftover } from '../../runs/leftover.js';
import { stagedSchemaName } from '../../runs/names.js';
import type { RunRecord } from '../../runs/record.js';
import { placeTables } from '../../runs/tables-place.js';
import type { RestoreDeps } from '../deps.js';
import { settleFirst, withLocks } from '../locked.js';
import { openPhases } from '../phases.js';
import { refuseBlocked, refuseStale } from '../plan/assess.js';
import { firstRecordOf } from '../run.js';
import { carryOver } from './carry.js';
import { checkLive } from './check-live.js';
import type { PreparedTables } from './prepare.js';
import type { TablesRequest } from './request.js';
import { checkRequirements } from './requirements.js';
import type { RunningTables } from './running.js';
import { fillScratch, type MovedTable } from './scratch.js';
import type { LeftOut } from './select.js';

/** The result of a restore of single tables. */
export interface TablesResult {
  readonly runId: string;
  readonly backup: string;
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly mode: 'tables';
  readonly database: string;
  readonly schema: string;
  readonly tables: readonly { readonly table: string; readonly rows: number | null }[];
  /** `rows`: the sum of the manifest's exact counts; tables without an exact count are not included. */
  readonly restored: { readonly tables: number; readonly rows: number; readonly notCompared: number };
  /** What the tables depend on in the live database, e.g. `type public.mood`. */
  readonly needs: readonly string[];
  readonly leftOut: readonly LeftOut[];
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly warnings: readonly Advice[];
}

/**
 * Restores single tables of a backup into a schema of the live database. They are restored into a scratch database, counted there, copied in
 * one transaction into a staging schema, counted again, and only then moved to their schema. No live table is changed or locked.
 *
 * An error, Ctrl-C or a kill before that last step leaves the live database unchanged; scratch database and staging schema are removed
 * immediately or by the next start.
 *
 * @throws E_BLOCKED and other codes of blockers; E_LOCKED; E_RESTORE_CHECK; E_DB_*, E_TOOL_*, E_NO_SPACE
 */
export async function runTables(
  deps: RestoreDeps,
  request: TablesRequest,
  prepared: PreparedTables,
): Promise<TablesResult> {
  refuseBlocked(prepared.plan.blocking);
  const hold = await deps.repository.hold(prepared.manifest.id, 'restore run');
  try {
    return await runHeld(deps, request, prepared);
  } finally {
    await hold.release();
  }
}

async function runHeld(deps: RestoreDeps, request: TablesRequest, prepared: PreparedTables): Promise<TablesResult> {
  const { runId, waitMs, startWriters, hostname } = request;
  const { database, set } = prepared.plan;
  return withLocks(deps, { command: 'restore run', runId, waitMs, database: database.name }, async (lease) => {
    await settleFirst(deps, { startWriters, hostname, set, tree: null, database: database.name });
    await refuseStale(deps, database);
    const journal = await openJournal(deps.repository, lease, firstRecord(deps, request, prepared));
    const running = { deps, request, prepared, journal, phases: openPhases(deps) };
    try {
      return await runLocked(running);
    } catch (error) {
      throw await abandon(deps, journal, error);
    }
  });
}

async function runLocked(running: RunningTables): Promise<TablesResult> {
  const { deps, journal, phases, prepared } = running;
  const { name, stagedAs } = prepared.plan.database;
  const move = journal.record.tables!;
  const scratch = await fillScratch(running);
  const needs = await checkRequirements(running);
  await phases.run('carry over', () => carryOver(running));
  await phases.run('live checks', () => checkLive(running, scratch.tables));
  deps.signal.throwIfAborted();
  const restored = { tables: scratch.tables.length, rows: rowsOf(scratch.tables), files: 0 };
  await journal.update({ step: 'swapping', restored, phases: phases.taken });
  await deps.uninterrupted(() => placeTables(deps.server!, journal.record, move));
  const stays = await dropStagedDatabase(deps.server!, stagedAs);
  const left = stays === null ? [] : [stays];
  const closed = await closeForward(deps, { ...journal.record, phases: phases.taken }, null, left);
  const { backup, leftOut, schema } = { ...closed, ...prepared.plan, backup: closed.backup };
  const warnings = [...prepared.plan.warnings, ...left.map((one) => `${describeLeftover(one)}; ${one.line}`)];
  const { tables } = scratch;
  return {
    ...{ runId: closed.run_id, backup, state: 'done', mode: 'tables', database: name, schema, needs },
    tables: tables.map((table) => ({ table: table.name, rows: table.rows?.count ?? null })),
    restored: {
      tables: tables.length,
      rows: restored.rows,
      notCompared: tables.filter(({ rows }) => rows === null).length,
    },
    leftOut: [...leftOut, ...scratch.leftOut],
    phases: closed.phases,
    warnings,
  };
}

const rowsOf = (tables: readonly MovedTable[]): number => tables.reduce((sum, { rows }) => sum + (rows?.count ?? 0), 0);

function firstRecord(
  deps: RestoreDeps,
  request: TablesRequest,
  { plan, manifest, selection }: PreparedTables,
): RunRecord {
  const { database, set, schema, neededBytes } = plan;
  return {
    ...firstRecordOf(deps, request, { set, backup: manifest.id, sourceBytes: neededBytes / 2 }),
    mode: 'new',
    accepted: plan.accepted,
    database: {
      system_identifier: database.systemIdentifier,
      name: database.name,
      outgoing: null,
      incoming: { oid: null, staged_as: database.stagedAs },
    },
    files: null,
    tables: { schema, staged_schema: stagedSchemaName(request.runId), names: selection.tables.map(({ name }) => name) },
  };
}

/** The expected result, without restoring anything. */
export function plannedTables({ plan, manifest, selection }: PreparedTables): TablesResult {
  const { runId, database, schema, needs, leftOut, warnings, tables } = plan;
  return {
    ...{
      runId,
      backup: manifest.id,
      state: 'planned',
      mode: 'tables',
      database: database.name,
      schema,
      leftOut,
      warnings,
    },
    tables: tables.map(({ table, rows }) => ({ table, rows })),
    restored: { tables: selection.tables.length, rows: 0, notCompared: 0 },
    needs: needs.map(({ kind, name }) => `${kind} ${name}`),
    phases: [],
  };
}
