import { PotctlError } from '../kernel/errors.js';
import { runHook } from '../runs/hooks.js';
import type { Journal } from '../runs/journal.js';
import type { DatabaseMove } from '../runs/record.js';
import { finishTree } from '../runs/settle-tree.js';
import { swapDatabases } from './database/swap.js';
import type { Asked, RestoreDeps } from './deps.js';
import type { Phases } from './phases.js';

/** What the swap needs of a restore or an undo. */
export interface Swapping {
  readonly deps: RestoreDeps;
  readonly request: Pick<Asked, 'stopWriters' | 'startWriters'>;
  readonly journal: Journal;
  /** Throws E_LOCKED if a lock was lost: somebody else may be working on the same data. */
  readonly assertHeld: () => Promise<void>;
  readonly phases: Phases;
}

/** The result of the swap; `warnings` are about what came after it. */
export interface SwapOutcome {
  readonly downtimeMs: number | null;
  readonly warnings: readonly string[];
}

/**
 * Stops the writers, swaps the databases, then the trees, and starts the writers again, whatever happened in between. Ctrl-C is delayed
 * until the swap has finished.
 *
 * If the tree cannot be swapped, the databases are swapped back: database and files belong together.
 *
 * @throws E_TOOL_FAILED (the stop hook; nothing was swapped), E_LOCKED, E_TARGET_BUSY, E_DB_UNREACHABLE, E_IO
 */
export async function swapStaged(swapping: Swapping): Promise<SwapOutcome> {
  const { deps, journal } = swapping;
  const warnings: string[] = [];
  try {
    await stopWriters(swapping);
    deps.signal.throwIfAborted();
    const downtimeMs = await deps.uninterrupted(() => swapBoth(swapping));
    return { downtimeMs, warnings };
  } finally {
    if (journal.record.writers_stopped) warnings.push(...(await startWriters(swapping)));
  }
}

async function swapBoth({ deps, journal, assertHeld, phases }: Swapping): Promise<number | null> {
  await assertHeld();
  await journal.update({ step: 'swapping' });
  const { database, files } = journal.record;
  let downtimeMs: number | null = null;
  if (database !== null) {
    const swap = (): Promise<{ downtimeMs: number }> =>
      swapDatabases({ server: deps.server!, clock: deps.clock }, journal.record.run_id, database);
    const swapped = await phases.run('swap', swap, (result) => ({ downtime_ms: result.downtimeMs }));
    // If there was no live database, nobody was refused a connection.
    if (database.outgoing !== null) downtimeMs = swapped.downtimeMs;
  }
  if (files !== null) {
    await phases
      .run('files swap', () => finishTree(journal.record, files))
      .catch((error: unknown) => swapBack(deps, journal, database, error));
  }
  return downtimeMs;
}

async function swapBack(
  deps: RestoreDeps,
  journal: Journal,
  move: DatabaseMove | null,
  error: unknown,
): Promise<never> {
  if (move !== null) {
    // Recorded first: a database that clients may have written to must never be dropped. If the disk is full, writing it may fail.
    await journal.update({ was_live: true }).catch(() => {});
    await swapDatabases({ server: deps.server!, clock: deps.clock }, journal.record.run_id, reversed(move));
  }
  throw error;
}

/** The same two databases in the opposite direction. */
function reversed({ outgoing, incoming, ...rest }: DatabaseMove): DatabaseMove {
  return {
    ...rest,
    outgoing: incoming && { oid: incoming.oid!, kept_as: incoming.staged_as },
    incoming: outgoing && { oid: outgoing.oid, staged_as: outgoing.kept_as },
  };
}

async function stopWriters({ deps, request, journal, phases }: Swapping): Promise<void> {
  const line = request.stopWriters;
  if (line === null) return;
  // Recorded first: a hook that fails halfway may have stopped some of them.
  await journal.update({ writers_stopped: true });
  const { childEnvironment: environment, signal } = deps;
  await phases.run('stop writers', () => runHook('stop_writers', line, { environment, signal }));
}

async function startWriters({ deps, request, journal, phases }: Swapping): Promise<string[]> {
  const line = request.startWriters;
  if (line === null) return [];
  try {
    await phases.run('start writers', () => runHook('start_writers', line, { environment: deps.childEnvironment }));
    await journal.update({ writers_stopped: false });
    return [];
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    const text = `${error.message}: ${String(error.why ?? '')}`;
    deps.progress({ kind: 'warning', text });
    return [text];
  }
}
