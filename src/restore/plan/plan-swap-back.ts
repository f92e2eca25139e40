import { readManifest } from '../../catalog/catalog.js';
import { PotctlError } from '../../kernel/errors.js';
import { advice, potctl } from '../../kernel/next.js';
import { quoteIdentifier } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';
import { readBusySessions } from '../../runs/database/busy.js';
import { keptDatabaseName } from '../../runs/names.js';
import type { DatabaseMove, RunRecord } from '../../runs/record.js';
import { readWrites, writesSince } from '../database/writes.js';
import type { Asked, RestoreDeps } from '../deps.js';
import { type Assessment, type Blocker, block, endingSessions, liveBlockers, targetBlockers } from './assess.js';
import { type ObservedLoss, observeLoss } from './observe-loss.js';
import { type ObservedServer, observeServer } from './observe-server.js';
import { journalWarning, type ReplacedJournal, replacedByDatabase } from './replaced-journal.js';

/** The plan for the database of an undo. */
export interface PlannedSwapBack {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly systemIdentifier: string | null;
  readonly name: string;
  /** The database that becomes live again; null = none: the restore created the live one, and undo removes it. */
  readonly comesBack: string | null;
  /** The name under which the current one is kept; null = there is none. */
  readonly keptAs: string | null;
  /** Rows written, changed or deleted since the run; null = unknown. */
  readonly writtenSince: number | null;
  readonly loss: ObservedLoss | null;
  /** null if it stays the same, or there is none. */
  readonly journal: ReplacedJournal | null;
}

/** The plan and the move of the databases. */
export interface SwapBack extends Assessment {
  readonly planned: PlannedSwapBack;
  readonly move: DatabaseMove;
}

/**
 * Inspects the live and the previous database of a run that is to be undone. Changes nothing.
 *
 * @param runs all runs, oldest first
 * @throws E_REFUSED, E_DB_*
 */
export async function planSwapBack(
  deps: RestoreDeps,
  request: Asked,
  undone: RunRecord,
  former: DatabaseMove,
  runs: readonly RunRecord[],
): Promise<SwapBack> {
  const server = deps.server;
  if (server === null) throw new PotctlError('E_REFUSED', 'the run replaced a database, so undo needs its server');
  const { name } = former;
  const keptAs = keptDatabaseName(name, request.runId);
  const none = { roles: [], owners: [], extensions: [], tablespaces: [], tablespace: null };
  const observed = await observeServer(server, { database: name, names: [keptAs], ...none });
  const kept = former.outgoing && (await observeKept(server, former.outgoing.oid));
  const { host, port } = server.settings;
  const { systemIdentifier, database: live } = observed;
  const journal = live?.connectable && kept ? await replacedByDatabase(server, name, kept.name) : null;
  const { blocking, warnings } = assess(request, undone, former, observed, kept, runs);
  return {
    blocking,
    warnings: journal === null ? warnings : [...warnings, journalWarning(journal, PREVIOUS)],
    planned: {
      journal,
      ...{ host, port, user: observed.role.name, systemIdentifier, name },
      comesBack: kept?.name ?? null,
      keptAs: live && keptAs,
      ...(await readSince(deps, server, undone, observed)),
    },
    move: {
      system_identifier: systemIdentifier,
      name,
      outgoing: live && { oid: live.oid, kept_as: keptAs },
      incoming: kept && { oid: kept.oid, staged_as: kept.name },
    },
  };
}

const PREVIOUS = 'that of the database that comes back';

function assess(
  request: Asked,
  undone: RunRecord,
  former: DatabaseMove,
  observed: ObservedServer,
  kept: Kept | null,
  runs: readonly RunRecord[],
): Assessment {
  const { name } = former;
  const keptAs = keptDatabaseName(name, request.runId);
  const { expectedSystemIdentifier } = request;
  const live = observed.database;
  const warnings: string[] = [];
  const blocking = [
    ...otherServer(former, observed),
    ...otherDatabase(former, request),
    ...targetBlockers(observed, { target: name, expectedSystemIdentifier }),
    ...keptBlockers(former, kept, undone, observed),
    ...(live === null ? [] : liveBlockers(observed, live, { target: name })),
  ];
  if (live !== null && live.oid === kept?.oid) {
    blocking.push(block(`"${name}" is already the previous database of run ${undone.run_id}`));
  }
  if (live === null && kept === null) blocking.push(block('there is neither a live nor a previous database'));
  if (live !== null && live.oid !== former.incoming?.oid) {
    const later = runs.findLast(({ database, step }) => step === 'swapped' && database?.incoming?.oid === live.oid);
    warnings.push(
      later === undefined
        ? `"${name}" is not the database that the run restored; this undo replaces it, too, and keeps it as "${keptAs}"`
        : `a later ${later.kind} (${later.run_id}) is in effect; this undo replaces its result, too, which is kept as "${keptAs}"`,
    );
  }
  return { blocking, warnings };
}

interface Kept {
  readonly oid: number;
  /** Its current name, which may differ from the one that the run gave it. */
  readonly name: string;
  readonly connectable: boolean;
  readonly stuck: readonly { readonly pid: number; readonly user: string }[];
  readonly prepared: readonly string[];
}

async function observeKept(server: Server, oid: number): Promise<Kept | null> {
  return inSession(server.maintenanceSession('restore.plan'), async (session) => {
    const [row] = await session.query<{ name: string; connectable: boolean }>(
      'select datname::text as name, datallowconn as connectable from pg_database where oid = $1::oid',
      [oid],
    );
    if (row === undefined) return null;
    const sql = 'select gid from pg_prepared_xacts where database = $1';
    const prepared = await session.query<{ gid: string }>(sql, [row.name]);
    const busy = await readBusySessions(session, [oid]);
    const stuck = busy.filter(({ mayEnd }) => !mayEnd);
    return { oid, ...row, stuck, prepared: prepared.map(({ gid }) => gid) };
  });
}

function otherServer({ system_identifier: expected }: DatabaseMove, { systemIdentifier }: ObservedServer): Blocker[] {
  if (expected === null || systemIdentifier === null || expected === systemIdentifier) return [];
  const text = `the run was on the server with system identifier ${expected}, but this server has ${systemIdentifier}`;
  return [
    { code: 'E_WRONG_TARGET', text, fix: [advice`Check host and port: ${potctl('config', 'show', '--origin')}.`] },
  ];
}

/** A run's id can name any run in the repository: the guards of one profile must not allow changes to the database of another. */
function otherDatabase({ name }: DatabaseMove, { database }: Pick<Asked, 'database'>): Blocker[] {
  if (database === null || database === name) return [];
  const text = `the run was on database "${name}", but the target is "${database}"`;
  return [
    {
      code: 'E_WRONG_TARGET',
      text,
      fix: [advice`Use the profile or the database of the run: ${potctl('restore', 'list')}.`],
    },
  ];
}

function keptBlockers(
  { outgoing }: DatabaseMove,
  kept: Kept | null,
  undone: RunRecord,
  { role }: ObservedServer,
): Blocker[] {
  if (outgoing === null) return [];
  if (kept === null) {
    const text = `the previous database of run ${undone.run_id} ("${outgoing.kept_as}") no longer exists`;
    return [{ code: 'E_RUN_NOT_FOUND', text, fix: [advice`List what can be undone: ${potctl('restore', 'list')}.`] }];
  }
  const blocking = kept.prepared.map((gid) =>
    block(`the prepared transaction "${gid}" locks "${kept.name}"`, `ROLLBACK PREPARED '${gid}';`),
  );
  if (!kept.connectable) {
    const fix = `ALTER DATABASE ${quoteIdentifier(kept.name)} ALLOW_CONNECTIONS true;`;
    blocking.push(block(`"${kept.name}" does not allow connections, so nobody could use it`, fix));
  }
  if (kept.stuck.length === 0) return blocking;
  const names = kept.stuck.map(({ pid, user }) => `pid ${pid} (${user})`).join(', ');
  const text = `"${role.name}" may not terminate these sessions on "${kept.name}": ${names}`;
  return [...blocking, { code: 'E_TARGET_BUSY', text, fix: endingSessions(kept.stuck) }];
}

/** What was written since the run. It does not block an undo, because it is kept. */
async function readSince(
  deps: RestoreDeps,
  server: Server,
  undone: RunRecord,
  { database }: ObservedServer,
): Promise<{ writtenSince: number | null; loss: ObservedLoss | null }> {
  const name = undone.database!.name;
  if (database === null || !database.connectable) return { writtenSince: null, loss: null };
  const isTheirs = database.oid === undone.database!.incoming?.oid;
  const now = isTheirs ? await readWrites(server, name).catch(() => null) : null;
  const writtenSince = writesSince(undone.written, now);
  if (undone.kind === 'undo') return { writtenSince, loss: null };
  const manifest = await readManifest(deps.repository, undone.backup).catch(() => null);
  if (manifest?.database == null) return { writtenSince, loss: null };
  const since = undone.finished_at ?? undone.started_at;
  return { writtenSince, loss: await observeLoss({ ...deps, server }, name, manifest.database, since) };
}
