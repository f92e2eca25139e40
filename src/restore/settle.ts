import { PotctlError } from '../errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import { quoteIdentifier } from '../postgres/identifiers.js';
import type { Server } from '../postgres/server.js';
import type { Progress } from '../progress.js';
import { isSwapped, type NameFacts, readNameFacts } from './database/facts.js';
import { endSessionsOfRun } from './database/sessions-of-run.js';
import { dropStagedDatabase } from './database/stage.js';
import type { RestoreDeps } from './deps.js';
import { inSession } from './in-session.js';
import type { DatabaseMove, RunRecord } from './record.js';
import { finishTree, isTreeSwapping, takeBackTree } from './settle-tree.js';
import { settleTables } from './tables/place.js';

/** What settling a run needs. */
export type SettleDeps = Pick<RestoreDeps, 'server' | 'repository' | 'clock' | 'progress' | 'childEnvironment'>;

/** Which way a run that stopped half-way went. */
export type Settled = 'forward' | 'back';

/**
 * Brings a run that stopped at any moment to an end, by what the catalogue and the tree's own journal say: forward when the names
 * were swapped, else back, so that live database and tree are wholly new or wholly old. Can be repeated.
 *
 * The caller holds the repository's lock, so the run itself is over.
 *
 * @throws E_DB_* when the server cannot tell: then nothing was touched
 */
export async function settleRun(deps: SettleDeps, record: RunRecord): Promise<Settled> {
  const forward = await isForward(deps, record);
  const { files } = record;
  if (files === null) return forward ? 'forward' : 'back';
  if (forward) {
    await finishTree(record, files);
    return 'forward';
  }
  const stays = await takeBackTree(record, files);
  if (stays !== null) deps.progress({ kind: 'warning', text: stays });
  return 'back';
}

/** Decides by the database, where one takes part, and takes it back if it has to. */
async function isForward({ server, progress }: SettleDeps, record: RunRecord): Promise<boolean> {
  const { database, files } = record;
  if (database === null) return files !== null && isTreeSwapping(record, files);
  if (server === null)
    throw new PotctlError('E_REFUSED', `only the server can tell how the run ${record.run_id} ended`);
  const facts = await readSettledFacts(server, record, database);
  if (record.tables !== undefined) {
    const placed = await settleTables(server, record, record.tables);
    await takeBackDatabase({ server, progress }, record, database, facts);
    return placed;
  }
  if (isSwapped(database, facts)) return true;
  await takeBackDatabase({ server, progress }, record, database, facts);
  return false;
}

async function readSettledFacts(server: Server, record: RunRecord, move: DatabaseMove): Promise<NameFacts> {
  return inSession(server.maintenanceSession('restore.recover'), async (session) => {
    await endSessionsOfRun(session, record.run_id);
    return readNameFacts(session, move);
  });
}

/**
 * Only what the run itself made goes: an undo moves databases, it makes none; an oid that is not ours is somebody else's; and what was live
 * may hold what clients wrote.
 */
async function takeBackDatabase(
  { server, progress }: { readonly server: Server; readonly progress: Progress },
  record: RunRecord,
  move: DatabaseMove,
  facts: NameFacts,
): Promise<void> {
  const { incoming } = move;
  if (record.kind !== 'restore' || record.was_live) return;
  const isOurs = incoming !== null && (incoming.oid === null || incoming.oid === facts.stagedOid);
  if (isOurs) await dropStagedDatabase(server, incoming.staged_as);
  await dropRoles(server, record.created_roles, progress);
}

/** A role that somebody uses by now stays, and is no reason to refuse all work from here on. */
async function dropRoles(server: Server, roles: readonly string[], progress: Progress): Promise<void> {
  if (roles.length === 0) return;
  await inSession(server.maintenanceSession('restore.roles'), async (session) => {
    for (const role of roles) {
      await session.query(`drop role if exists ${quoteIdentifier(role)}`).catch((error: unknown) => {
        if (sqlstateOf(error) === undefined) throw error;
        progress({ kind: 'warning', text: `the role "${role}" that the run had created stays: ${messageOf(error)}` });
      });
    }
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
