import type { Changes } from '../kernel/changes.js';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import type { Progress } from '../kernel/progress.js';
import { quoteIdentifier } from '../postgres/identifiers.js';
import { inSession } from '../postgres/in-session.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import { dropStagedDatabase, isRefusal } from './database/drop-staged.js';
import { isSwapped, type NameFacts, readNameFacts } from './database/facts.js';
import { endSessionsOfRun } from './database/sessions-of-run.js';
import { superuserLine } from './database/superuser-line.js';
import type { Leftover } from './leftover.js';
import type { DatabaseMove, RunRecord } from './record.js';
import { finishTree, isTreeSwapping, takeBackTree } from './settle-tree.js';
import { settleTables } from './tables-place.js';

/** What {@link settleRun} needs. */
export interface SettleDeps {
  /** null if only files are involved. */
  readonly server: Server | null;
  readonly repository: Repository;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly changes?: Changes;
  readonly childEnvironment: Readonly<Record<string, string>>;
}

/** Whether an interrupted run was finished or rolled back. */
export type Way = 'forward' | 'back';

/** How a run ended, and what could not be removed; the live data is consistent in any case. */
export interface Settled {
  readonly way: Way;
  readonly left: readonly Leftover[];
}

/**
 * Settles a run that stopped at any moment, based on the database catalog and the tree's own journal: finishes it if the names were
 * swapped, otherwise rolls it back, so that live database and tree are either completely new or completely old. Can be repeated.
 *
 * The caller holds the repository's lock, so the run itself has ended.
 *
 * @throws E_DB_* if the server cannot be asked: then nothing was changed
 */
export async function settleRun(deps: SettleDeps, record: RunRecord): Promise<Settled> {
  const { way, left } = await settleDatabase(deps, record);
  const { files } = record;
  if (files === null) return { way, left };
  if (way === 'forward') {
    await finishTree(record, files);
    return { way, left };
  }
  return { way, left: [...left, ...(await takeBackTree(record, files))] };
}

/** Tries again to remove what an ended run left behind. @returns what still remains */
export async function removeLeftovers({ server }: SettleDeps, record: RunRecord): Promise<readonly Leftover[]> {
  const { left_behind: left = [], database, files } = record;
  const remaining: Leftover[] = [];
  const isOf = (...kinds: Leftover['kind'][]): boolean => left.some(({ kind }) => kinds.includes(kind));
  if (database !== null && isOf('database', 'role')) {
    if (server === null) remaining.push(...left.filter(({ kind }) => kind !== 'files'));
    else remaining.push(...(await takeBackDatabase(server, record, database, await readFacts(server, database))));
  }
  if (database !== null && server !== null && isOf('schema')) {
    const settled = await settleTables(server, record, record.tables!);
    remaining.push(...settled.left);
  }
  if (files !== null && isOf('files')) remaining.push(...(await takeBackTree(record, files)));
  return remaining;
}

/** Decides by the database, if the run has one, and rolls it back if needed. */
async function settleDatabase({ server }: SettleDeps, record: RunRecord): Promise<Settled> {
  const { database, files } = record;
  if (database === null) {
    const forward = files !== null && (await isTreeSwapping(record, files));
    return { way: forward ? 'forward' : 'back', left: [] };
  }
  if (server === null)
    throw new PotctlError('E_REFUSED', `cannot tell how run ${record.run_id} ended without its server`);
  await inSession(server.maintenanceSession('restore.recover'), (session) => endSessionsOfRun(session, record.run_id));
  const facts = await readFacts(server, database);
  if (record.tables !== undefined) {
    const { placed, left } = await settleTables(server, record, record.tables);
    const stays = await takeBackDatabase(server, record, database, facts);
    return { way: placed ? 'forward' : 'back', left: [...left, ...stays] };
  }
  if (isSwapped(database, facts)) return { way: 'forward', left: [] };
  return { way: 'back', left: await takeBackDatabase(server, record, database, facts) };
}

function readFacts(server: Server, move: DatabaseMove): Promise<NameFacts> {
  return inSession(server.maintenanceSession('restore.recover'), (session) => readNameFacts(session, move));
}

/**
 * Removes only what the run itself created: an undo creates no databases; a different oid is somebody else's database; and a database that
 * was live may contain new data.
 */
async function takeBackDatabase(
  server: Server,
  record: RunRecord,
  { incoming }: DatabaseMove,
  facts: NameFacts,
): Promise<Leftover[]> {
  if (record.kind !== 'restore' || record.was_live) return [];
  const isOurs = incoming !== null && (incoming.oid === null || incoming.oid === facts.stagedOid);
  const stays = isOurs ? await dropStagedDatabase(server, incoming.staged_as) : null;
  return [...(stays === null ? [] : [stays]), ...(await dropRoles(server, record.created_roles))];
}

/** A role that is in use by now is kept; that is no reason to refuse all further work. */
async function dropRoles(server: Server, roles: readonly string[]): Promise<Leftover[]> {
  if (roles.length === 0) return [];
  return inSession(server.maintenanceSession('restore.roles'), async (session) => {
    const stay: Leftover[] = [];
    for (const role of roles) {
      const statement = `DROP ROLE IF EXISTS ${quoteIdentifier(role)}`;
      try {
        await session.query(statement);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        const line = await superuserLine(server, session, [{ database: 'postgres', statements: [statement] }]);
        stay.push({ kind: 'role', name: role, why: error.message, line });
      }
    }
    return stay;
  });
}
