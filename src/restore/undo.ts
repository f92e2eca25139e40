import { abandon } from '../runs/abandon.js';
import { closeForward } from '../runs/finish.js';
import { type Journal, openJournal } from '../runs/journal.js';
import { type RunRecord, readRuns } from '../runs/record.js';
import { readWrites } from './database/writes.js';
import type { Asked, RestoreDeps } from './deps.js';
import { settleFirst, withLocks } from './locked.js';
import { openPhases } from './phases.js';
import { refuseBlocked, refuseStale } from './plan/assess.js';
import type { PreparedUndo } from './plan/prepare-undo.js';
import { swapStaged } from './swap-staged.js';

/** The result of an undo. Times are RFC 3339 UTC, durations in ms. */
export interface UndoResult {
  readonly runId: string;
  /** The run that was undone. */
  readonly undone: string;
  /** `planned`: a dry run, nothing was changed. */
  readonly state: 'done' | 'planned';
  readonly database: string | null;
  readonly directory: string | null;
  /** The name under which the database that was live is kept; null = there was none. */
  readonly oldDatabase: string | null;
  /** The database that is live now has no journal, unlike the previous one. */
  readonly journalRemoved: boolean;
  readonly undoUntil: string | null;
  readonly downtimeMs: number | null;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly warnings: readonly string[];
}

/**
 * Swaps the previous data of a run back in, even if there were writes since: the current live data is kept in turn, and this undo can itself
 * be undone.
 *
 * @throws E_LOCKED, E_REFUSED (the database changed since the plan), E_TARGET_BUSY, E_TOOL_FAILED (a hook), E_DB_*, E_IO
 */
export async function runUndo(deps: RestoreDeps, request: Asked, { plan, move }: PreparedUndo): Promise<UndoResult> {
  refuseBlocked(plan.blocking);
  const { runId, waitMs, startWriters } = request;
  const database = move.database?.name ?? null;
  return withLocks(deps, { command: 'restore undo', runId, waitMs, database }, async (lease, assertHeld) => {
    const { set, files } = move;
    const tree = files?.root ?? null;
    await settleFirst(deps, { startWriters, hostname: request.hostname, set, tree, database });
    await refuseStale(deps, move.database && { name: move.database.name, oid: move.database.outgoing?.oid ?? null });
    const journal = await openJournal(deps.repository, lease, { ...move, started_at: deps.clock.now().toISOString() });
    const phases = openPhases(deps);
    try {
      await noteWrites(deps, journal);
      const { downtimeMs, warnings } = await swapStaged({ deps, request, journal, assertHeld, phases });
      const record = { ...journal.record, phases: phases.taken, downtime_ms: downtimeMs };
      const closed = await closeForward(deps, record, await undoneRun(deps, plan.undoes));
      return resultOf(closed, plan, 'done', warnings);
    } catch (error) {
      throw await abandon(deps, journal, error);
    }
  });
}

/** The expected result, without swapping anything. @throws the blockers, like {@link runUndo} */
export function plannedUndo({ plan, move }: PreparedUndo): UndoResult {
  refuseBlocked(plan.blocking);
  return resultOf(move, plan, 'planned', []);
}

/** Records the counters of the database that comes back, for an undo of this undo. It may accept no connections. */
async function noteWrites({ server }: RestoreDeps, journal: Journal): Promise<void> {
  const { database } = journal.record;
  if (server === null || database === null || database.incoming === null) return;
  const written = await readWrites(server, database.incoming.staged_as).catch(() => null);
  await journal.update({ written });
}

async function undoneRun({ repository }: RestoreDeps, id: string): Promise<RunRecord | null> {
  return (await readRuns(repository)).find(({ run_id }) => run_id === id) ?? null;
}

function resultOf(
  closed: RunRecord,
  { database }: PreparedUndo['plan'],
  state: UndoResult['state'],
  warnings: readonly string[],
): UndoResult {
  return {
    state,
    runId: closed.run_id,
    undone: closed.undoes!,
    database: closed.database?.name ?? null,
    directory: closed.files?.root ?? null,
    oldDatabase: closed.database?.outgoing?.kept_as ?? null,
    journalRemoved: database?.journal?.removed ?? false,
    undoUntil: closed.undo_until,
    downtimeMs: closed.downtime_ms,
    phases: closed.phases,
    warnings,
  };
}
