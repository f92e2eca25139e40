import { abandon } from '../runs/abandon.js';
import type { Accepted } from '../runs/accept.js';
import { closeForward } from '../runs/finish.js';
import { openJournal } from '../runs/journal.js';
import type { DatabaseMove, RunRecord } from '../runs/record.js';
import type { DatabaseChecks } from './database/check.js';
import type { RestoreDeps, RestoreRequest } from './deps.js';
import { settleFirst, withLocks } from './locked.js';
import { openPhases } from './phases.js';
import { refuseBlocked, refuseStale } from './plan/assess.js';
import type { PlannedDatabase } from './plan/plan.js';
import type { PreparedRestore } from './plan/prepare.js';
import type { RunningRestore } from './running.js';
import { stageRestore } from './stage.js';
import { swapStaged } from './swap-staged.js';

/** What a restore came to. Times RFC 3339 UTC, durations in ms. */
export interface RestoreResult {
  readonly runId: string;
  readonly backup: string;
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly mode: 'swap' | 'new';
  /** What was restored, and where to. */
  readonly restored: { readonly tables: number; readonly rows: number; readonly files: number };
  readonly database: string | null;
  readonly directory: string | null;
  readonly checks: DatabaseChecks | null;
  /** What the files lack besides their content: owners and attributes that this user cannot set. Among the warnings, too. */
  readonly lost: readonly string[];
  /** Where the record of the run is kept, when the repository could not be written to; undo finds it there. */
  readonly recordsIn: string | null;
  /** What spoke against it and was accepted by name. */
  readonly accepted: readonly Accepted[];
  /** The backup of what was live, where --safety-backup asked for one. */
  readonly safetyBackup: string | null;
  /** The name under which the replaced database is kept; null = nothing was replaced. */
  readonly oldDatabase: string | null;
  readonly undoUntil: string | null;
  /** How long the database refused connections. */
  readonly downtimeMs: number | null;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  /** What went wrong after the restore itself was complete, e.g. a start hook. */
  readonly warnings: readonly string[];
}

/**
 * Restores a backup: everything is built and checked beside the live database and the live files; then, in a second, both take the place
 * of what was there, which is kept for `undo`.
 *
 * Until that second an error, Ctrl-C or a kill leaves the live data as it was; after a kill the next start finishes the swap or removes
 * what was built.
 *
 * @throws E_BLOCKED and other refusals of the plan; E_LOCKED; E_RESTORE_CHECK, E_FILES_CHECK (nothing was swapped); E_TARGET_BUSY; E_DB_*,
 * E_TOOL_*, E_NO_SPACE
 */
export async function runRestore(
  deps: RestoreDeps,
  request: RestoreRequest,
  prepared: PreparedRestore,
): Promise<RestoreResult> {
  refuseBlocked(prepared.plan.blocking);
  const first = firstRecord(deps, request, prepared);
  const hold = await deps.repository.hold(prepared.manifest.id, 'restore run');
  try {
    return await runHeld(deps, request, prepared, first);
  } finally {
    await hold.release();
  }
}

/** The result as it would be, with nothing restored yet. @throws as the refusals of {@link runRestore} */
export function plannedRestore(deps: RestoreDeps, request: RestoreRequest, prepared: PreparedRestore): RestoreResult {
  refuseBlocked(prepared.plan.blocking);
  const nothing = { checks: null, lost: [], state: 'planned', warnings: [], safetyBackup: null } as const;
  return resultOf(firstRecord(deps, request, prepared), { ...nothing, recordsIn: deps.recordsIn ?? null });
}

async function runHeld(
  deps: RestoreDeps,
  request: RestoreRequest,
  prepared: PreparedRestore,
  first: RunRecord,
): Promise<RestoreResult> {
  const { runId, waitMs, startWriters } = request;
  const database = prepared.plan.database?.name ?? null;
  const safetyBackup = await secure(deps, request, prepared);
  return withLocks(deps, { command: 'restore run', runId, waitMs, database }, async (lease, assertHeld) => {
    const { database: planned, files, set } = prepared.plan;
    const tree = request.mode === 'swap' ? (files?.root ?? null) : null;
    await settleFirst(deps, { startWriters, hostname: request.hostname, set, tree, database });
    await refuseStale(deps, planned && { name: planned.name, oid: planned.present?.oid ?? null });
    const journal = await openJournal(deps.repository, lease, first);
    return restoreLocked({ deps, request, prepared, journal, assertHeld, phases: openPhases(deps), safetyBackup });
  });
}

/** What is dropped or missing already cannot be secured any more. */
async function secure(deps: RestoreDeps, request: RestoreRequest, { plan }: PreparedRestore): Promise<string | null> {
  if (!request.safetyBackup) return null;
  const parts = { database: plan.database?.present != null, files: plan.files?.present != null };
  return parts.database || parts.files ? deps.safetyBackup(parts) : null;
}

async function restoreLocked(running: RunningRestore): Promise<RestoreResult> {
  const { deps, journal, phases, safetyBackup } = running;
  const { recordsIn = null } = deps;
  try {
    const staged = await stageRestore(running);
    await journal.update({ restored: staged.restored, phases: phases.taken });
    const { downtimeMs, warnings } = await swapStaged(running);
    const closed = await closeForward(deps, { ...journal.record, phases: phases.taken, downtime_ms: downtimeMs }, null);
    const { checks, lost } = staged;
    return resultOf(closed, { recordsIn, checks, lost, state: 'done', warnings: [...lost, ...warnings], safetyBackup });
  } catch (error) {
    throw await abandon(deps, journal, error);
  }
}

function resultOf(
  record: RunRecord,
  rest: Pick<RestoreResult, 'checks' | 'lost' | 'recordsIn' | 'state' | 'warnings' | 'safetyBackup'>,
): RestoreResult {
  return {
    runId: record.run_id,
    backup: record.backup,
    mode: record.mode,
    restored: record.restored ?? { tables: 0, rows: 0, files: 0 },
    database: record.database?.name ?? null,
    directory: record.files?.root ?? null,
    oldDatabase: record.database?.outgoing?.kept_as ?? null,
    undoUntil: record.undo_until,
    downtimeMs: record.downtime_ms,
    phases: record.phases,
    accepted: record.accepted ?? [],
    ...rest,
  };
}

function firstRecord(deps: RestoreDeps, request: RestoreRequest, { plan, manifest }: PreparedRestore): RunRecord {
  const of = { set: plan.set, backup: manifest.id, sourceBytes: manifest.totals.source_bytes };
  return {
    ...firstRecordOf(deps, request, of),
    accepted: plan.accepted,
    database: plan.database && moveOf(plan.database),
    files: plan.files && {
      root: plan.files.root,
      existed: plan.files.present !== null,
      staged_at: plan.files.stagedAt,
    },
  };
}

/** The record with which any run begins; what it moves is up to the caller. */
export function firstRecordOf(
  { clock }: Pick<RestoreDeps, 'clock'>,
  request: RestoreRequest,
  of: { readonly set: string; readonly backup: string; readonly sourceBytes: number },
): RunRecord {
  const { runId: run_id, traceId: trace_id, operator, hostname, mode, keepOldMs: keep_old_ms } = request;
  const started_at = clock.now().toISOString();
  return {
    ...BLANK,
    ...{ run_id, trace_id, operator, hostname, mode, started_at, keep_old_ms },
    ...{ set: of.set, backup: of.backup, source_bytes: of.sourceBytes, database: null, files: null },
  };
}

const BLANK = {
  schema: 'potctl.restore',
  schema_version: '1.0',
  kind: 'restore',
  undoes: null,
  undone_by: null,
  state: 'running',
  step: 'staging',
  finished_at: null,
  undo_until: null,
  created_roles: [],
  writers_stopped: false,
  restored: null,
  phases: [],
  downtime_ms: null,
  written: null,
  error: null,
} as const;

function moveOf({ systemIdentifier, name, present, stagedAs }: PlannedDatabase): DatabaseMove {
  return {
    system_identifier: systemIdentifier,
    name,
    outgoing: present && { oid: present.oid, kept_as: present.keptAs },
    incoming: { oid: null, staged_as: stagedAs },
  };
}
