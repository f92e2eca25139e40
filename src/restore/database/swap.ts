import type { Clock } from '../../kernel/clock.js';
import { PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import { sqlstateOf } from '../../postgres/errors.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import { endSessions, readBusySessions, targetBusy } from '../../runs/database/busy.js';
import { isSwapped, readNameFacts } from '../../runs/database/facts.js';
import { runPurpose } from '../../runs/database/sessions-of-run.js';
import type { DatabaseMove } from '../../runs/record.js';

const ATTEMPTS = 6;
const LOCK_TIMEOUT_MS = 4_000;
/** The server itself waits five seconds for the last sessions to end. */
const STATEMENT_TIMEOUT_MS = 12_000;
const END_EVERY_MS = 40;
/** With asynchronous commits, a crash of the server could revert the swap unnoticed, and the tree would not match. */
const WAIT_FOR_THE_DISK = `select set_config('synchronous_commit', 'local', false)
                            where current_setting('synchronous_commit') = 'off'`;
/** object_in_use, lock_not_available, query_canceled, deadlock_detected: worth retrying. */
const PASSING = ['55006', '55P03', '57014', '40P01'];

/** How long connections failed, in ms. */
export interface Swapped {
  readonly downtimeMs: number;
}

/**
 * Renames the incoming database to the live name and keeps the outgoing one, in one transaction: a kill at any moment leaves one or the other
 * live, never none. Sessions on either are terminated; clients that reconnect wait for the commit and reach the new database.
 *
 * Success is determined by the catalog afterwards, not by the reply to the commit.
 *
 * @throws E_TARGET_BUSY after a bounded number of attempts, E_REFUSED if other databases have these names by now (nothing changed);
 * E_DB_UNREACHABLE with `changed: unknown` if the server became unreachable in between
 */
export async function swapDatabases(
  { server, clock }: { readonly server: Server; readonly clock: Clock },
  runId: string,
  move: DatabaseMove,
): Promise<Swapped> {
  const started = clock.monotonicMs();
  const failure = await tryToSwap(server, runId, move).catch((error: unknown) => error);
  const downtimeMs = Math.round(clock.monotonicMs() - started);
  const swapped = await inSession(server.maintenanceSession('restore.check'), async (session) =>
    isSwapped(move, await readNameFacts(session, move)),
  ).catch((error: unknown) => {
    throw unknownOutcome(move.name, error);
  });
  if (swapped) return { downtimeMs };
  throw failure ?? new PotctlError('E_TARGET_BUSY', `"${move.name}" was renamed or replaced during the swap`);
}

async function tryToSwap(server: Server, runId: string, move: DatabaseMove): Promise<undefined> {
  const swapper = await server.maintenanceSession(runPurpose('swap', runId));
  try {
    const ender = await server.maintenanceSession(runPurpose('swap', runId));
    try {
      return await attemptRepeatedly(swapper, ender, move);
    } finally {
      await ender.close();
    }
  } finally {
    await swapper.close();
  }
}

async function attemptRepeatedly(swapper: Session, ender: Session, move: DatabaseMove): Promise<undefined> {
  const oids = [move.outgoing?.oid, move.incoming?.oid].filter((oid) => typeof oid === 'number');
  await swapper.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}; set statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
  await swapper.query(WAIT_FOR_THE_DISK);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const stop = endRepeatedly(ender, oids);
    try {
      await renameBoth(swapper, move);
      return undefined;
    } catch (error) {
      if (!isPassing(error)) throw error;
    } finally {
      await stop();
    }
  }
  throw targetBusy(move.name, await readBusySessions(ender, oids));
}

async function renameBoth(session: Session, move: DatabaseMove): Promise<void> {
  const { name, outgoing, incoming } = move;
  await session.query('begin');
  try {
    if (outgoing !== null) await rename(session, name, outgoing.kept_as);
    if (incoming !== null) await rename(session, incoming.staged_as, name);
    await refuseStrangers(session, move);
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => {});
    throw error;
  }
}

/** Databases may be renamed in the hours that a restore takes. The renames hold the locks, so what is read here will be committed. */
async function refuseStrangers(session: Session, move: DatabaseMove): Promise<void> {
  const { liveOid, keptOid } = await readNameFacts(session, move);
  if (liveOid === (move.incoming?.oid ?? null) && keptOid === (move.outgoing?.oid ?? null)) return;
  throw new PotctlError('E_REFUSED', `the database "${move.name}" is not the one that the plan showed`, {
    why: 'it, or the staging database, was replaced while the swap was being prepared',
    fix: ['Repeat the command: it makes a new plan.'],
  });
}

async function rename(session: Session, from: string, to: string): Promise<void> {
  await session.query(`alter database ${quoteIdentifier(from)} rename to ${quoteIdentifier(to)}`);
}

/** Terminates sessions until stopped: a client that connects before the rename has its lock would make the rename fail. */
function endRepeatedly(session: Session, oids: readonly number[]): () => Promise<void> {
  let going = true;
  const ending = (async () => {
    while (going) {
      // If sessions cannot be terminated, the rename itself fails.
      await endSessions(session, oids).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, END_EVERY_MS));
    }
  })();
  return async () => {
    going = false;
    await ending;
  };
}

function isPassing(error: unknown): boolean {
  return PASSING.includes(sqlstateOf(error) ?? '');
}

function unknownOutcome(name: string, cause: unknown): PotctlError {
  return new PotctlError('E_DB_UNREACHABLE', `the server became unreachable while "${name}" was swapped`, {
    why: cause instanceof Error ? cause.message : String(cause),
    changed: 'unknown',
    changedDetail: 'either the previous or the restored database is live, never a mix; both are kept',
    fix: [
      advice`When the server is back, the next ${potctl('restore', 'undo')}, \`restore run\` or \`backup create\` resolves it; check with ${potctl('restore', 'list')}.`,
    ],
    cause,
  });
}
