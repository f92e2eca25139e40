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

/** The result of a restore. Times are RFC 3339 UTC, durations in ms. */
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
  /** What the restored files lack: owners and attributes that this user cannot set. Also among the warnings. */
  readonly lost: readonly string[];
  /** Where the record of the run is stored if the repository is read-only; undo finds it there. */
  readonly recordsIn: string | null;
  /** Findings that were accepted by name. */
  readonly accepted: readonly Accepted[];
  /** The backup of the live data, if --safety-backup was given. */
  readonly safetyBackup: string | null;
  /** The name of the previous database; null = nothing was replaced. */
  readonly oldDatabase: string | null;
  /** The database that is live now has no journal, unlike the previous one. */
  readonly journalRemoved: boolean;
  readonly undoUntil: string | null;
  /** How long the database refused connections. */
  readonly downtimeMs: number | null;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  /** Problems after the restore itself was complete, e.g. with a start hook. */
  readonly warnings: readonly string[];
}

/**
 * Restores a backup: into a staging database and staging files, which are verified and then swapped in within a second; what was live is
 * kept for `undo`.
 *
 * Until the swap, an error, Ctrl-C or a kill leaves the live data unchanged; after a kill, the next start finishes the swap or removes the
 * staged data.
 *
 * @throws E_BLOCKED and other codes of blockers; E_LOCKED; E_RESTORE_CHECK, E_FILES_CHECK (nothing was swapped); E_TARGET_BUSY; E_DB_*,
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

/** The expected result, without restoring anything. @throws the blockers, like {@link runRestore} */
export function plannedRestore(deps: RestoreDeps, request: RestoreRequest, prepared: PreparedRestore): RestoreResult {
  refuseBlocked(prepared.plan.blocking);
  const nothing = { checks: null, lost: [], state: 'planned', warnings: [], safetyBackup: null } as const;
  const journalRemoved = removesJournal(prepared);
  return resultOf(firstRecord(deps, request, prepared), {
    ...nothing,
    journalRemoved,
    recordsIn: deps.recordsIn ?? null,
  });
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

/** A database or tree that is already missing cannot be backed up. */
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
    return resultOf(closed, {
      ...{ recordsIn, checks, lost, safetyBackup, state: 'done', warnings: [...lost, ...warnings] },
      journalRemoved: removesJournal(running.prepared),
    });
  } catch (error) {
    throw await abandon(deps, journal, error);
  }
}

const removesJournal = ({ plan }: PreparedRestore): boolean => plan.database?.journal?.removed ?? false;

function resultOf(
  record: RunRecord,
  rest: Pick<RestoreResult, 'checks' | 'lost' | 'recordsIn' | 'journalRemoved' | 'state' | 'warnings' | 'safetyBackup'>,
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

/** The initial record of any run; the caller adds what it moves. */
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
