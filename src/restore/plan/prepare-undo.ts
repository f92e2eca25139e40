import path from 'node:path';
import { readCatalog } from '../../catalog/catalog.js';
import { importedSet } from '../../catalog/sets.js';
import type { Environment } from '../../config/settings.js';
import { type Advice, advice, type NextCommand, potctl } from '../../kernel/next.js';
import type { Accepted } from '../../runs/accept.js';
import { findSwappedRuns } from '../../runs/database/swapped-runs.js';
import { type DatabaseMove, type RunRecord, readRuns, recordsWarning } from '../../runs/record.js';
import { observeTree } from '../../runs/tree/tree.js';
import type { Asked, RestoreDeps } from '../deps.js';
import { type Assessment, type Blocker, profileBlockers, refuseBlocked, settleAccepted } from './assess.js';
import { targetSet } from './choose-backup.js';
import { chooseRun } from './choose-run.js';
import { unmovableBlockers } from './plan-files.js';
import { type PlannedSwapBack, planSwapBack } from './plan-swap-back.js';

/** Which run to undo, and on which target. */
export interface UndoRequest extends Asked {
  /** A run's id or a unique prefix of it; null = the newest one of the target that can be undone. */
  readonly run: string | null;
  /** The target's tree; null = none. Used only to find the series. */
  readonly filesPath: string | null;
}

/** What an undo will do. Durations in ms, times RFC 3339 UTC. */
export interface UndoPlan {
  readonly runId: string;
  readonly undoes: string;
  readonly profile: string | null;
  readonly environment: Environment | null;
  /** When the run to undo ended, and which backup it restored. */
  readonly ranAt: string;
  readonly backup: string;
  readonly database: PlannedSwapBack | null;
  readonly files: PlannedTreeBack | null;
  readonly hooks: { readonly stop: string | null; readonly start: string | null };
  readonly undo: NextCommand;
  readonly undoPossibleMs: number;
  readonly blocking: readonly Blocker[];
  readonly warnings: readonly Advice[];
  /** Blockers that were accepted by name. */
  readonly accepted: readonly Accepted[];
  readonly confirm: string;
}

export interface PlannedTreeBack {
  readonly root: string;
  /** Current entries at its top. */
  readonly entries: number;
}

/** The plan, and the initial record of the undo. */
export interface PreparedUndo {
  readonly plan: UndoPlan;
  readonly move: RunRecord;
}

/**
 * Finds the run to undo, and inspects the live and the previous data. Changes nothing.
 *
 * @throws E_RUN_NOT_FOUND, E_REFUSED (it can no longer be undone), E_DB_*
 */
export async function prepareUndo(deps: RestoreDeps, request: UndoRequest): Promise<PreparedUndo> {
  const runs = await readRuns(deps.repository);
  const sets = request.run === null ? await targetSets(deps, request) : [];
  const undone = chooseRun(runs, await findSwappedRuns(deps.server, runs), request.run, sets);
  const database = undone.database && (await planSwapBack(deps, request, undone, undone.database, runs));
  const files = undone.files && (await planTreeBack(request, undone, undone.files.root));
  const found = {
    blocking: [...profileBlockers(request), ...(database?.blocking ?? []), ...(files?.blocking ?? [])],
    warnings: [
      ...recordsWarning(deps),
      ...(database?.warnings ?? []),
      ...(undone.state === 'running' ? [WAS_KILLED] : []),
    ],
  };
  const plan: UndoPlan = {
    runId: request.runId,
    undoes: undone.run_id,
    profile: request.profile.name,
    environment: request.profile.environment,
    ranAt: undone.finished_at ?? undone.started_at,
    backup: undone.backup,
    database: database?.planned ?? null,
    files: files?.planned ?? null,
    hooks: { stop: request.stopWriters, start: request.startWriters },
    undo: potctl('restore', 'undo', request.runId),
    undoPossibleMs: request.keepOldMs,
    ...settleAccepted(found, request.accept),
    confirm: undone.database?.name ?? path.basename(undone.files!.root),
  };
  return { plan, move: { ...recordOf(request, undone, database?.move ?? null), accepted: plan.accepted } };
}

/** Backups of files only have their own series; so do imported backups, whose server is unknown. */
async function targetSets(deps: RestoreDeps, request: UndoRequest): Promise<string[]> {
  const set = await targetSet(deps, request, await readCatalog(deps.repository));
  const imported = request.database === null ? [] : [importedSet(request.database)];
  return [set, ...imported, ...(request.filesPath === null ? [] : [`files:${request.filesPath}`])];
}

/** Like {@link prepareUndo}, for an undo that follows. @throws the blockers */
export async function readyUndo(deps: RestoreDeps, request: UndoRequest): Promise<PreparedUndo> {
  const prepared = await prepareUndo(deps, request);
  refuseBlocked(prepared.plan.blocking);
  return prepared;
}

const WAS_KILLED = 'the run was killed after its swap; potctl finishes it first, then undoes it';

async function planTreeBack(
  { filesPath }: UndoRequest,
  undone: RunRecord,
  root: string,
): Promise<Assessment & { planned: PlannedTreeBack }> {
  const observed = await observeTree({ root });
  const { entries, beforeFolders, unfinished } = observed;
  const blocking = await unmovableBlockers(root, observed);
  if (undone.database === null && filesPath !== null && path.resolve(filesPath) !== root) {
    const text = `the run was on directory "${root}", but the target is "${filesPath}"`;
    blocking.push({
      code: 'E_WRONG_TARGET',
      text,
      fix: [advice`Use the directory of the run: ${potctl('restore', 'list')}.`],
    });
  }
  const isKept = beforeFolders.some(({ run }) => run === undone.run_id) || unfinished?.run === undone.run_id;
  if (!isKept && undone.state === 'done') {
    const text = `the previous files of run ${undone.run_id} in "${root}" no longer exist`;
    blocking.push({
      code: 'E_RUN_NOT_FOUND',
      text,
      fix: [advice`List what can be undone: ${potctl('restore', 'list')}.`],
    });
  }
  return { planned: { root, entries }, blocking, warnings: [] };
}

function recordOf(request: UndoRequest, undone: RunRecord, database: DatabaseMove | null): RunRecord {
  return {
    ...undone,
    run_id: request.runId,
    trace_id: request.traceId,
    operator: request.operator,
    hostname: request.hostname,
    kind: 'undo',
    undoes: undone.run_id,
    undone_by: null,
    state: 'running',
    step: 'staging',
    finished_at: null,
    keep_old_ms: request.keepOldMs,
    undo_until: null,
    database,
    was_live: false,
    created_roles: [],
    writers_stopped: false,
    restored: null,
    phases: [],
    downtime_ms: null,
    written: null,
    error: null,
  };
}
