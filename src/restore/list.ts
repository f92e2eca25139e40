import { inSession } from '../postgres/in-session.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import { readSystemIdentifier } from '../runs/database/system-identifier.js';
import { type RunRecord, readRuns } from '../runs/record.js';
import { observeTree } from '../runs/tree/tree.js';

/** One run as scripts see it. Times are RFC 3339 UTC. */
export interface ListedRun {
  readonly run_id: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly kind: 'restore' | 'undo';
  readonly mode: 'swap' | 'new';
  readonly backup: string;
  readonly set: string;
  readonly database: string | null;
  readonly directory: string | null;
  /** The schema into which single tables were restored; null = it was a whole restore. */
  readonly into_schema: string | null;
  readonly state: RunRecord['state'];
  /** false: it was killed, and the next restore, undo or backup finishes it or rolls it back. */
  readonly settled: boolean;
  readonly duration_ms: number | null;
  readonly downtime_ms: number | null;
  readonly old_database: string | null;
  readonly undoes: string | null;
  readonly undone_by: string | null;
  /** Until then, the previous data is guaranteed to be kept. */
  readonly undo_until: string | null;
  /** Whether it can be undone. `gone`: the previous data no longer exists; `unknown`: could not be checked; null: this kind cannot be undone. */
  readonly undo: 'possible' | 'gone' | 'unknown' | null;
  readonly operator: string;
  readonly error: RunRecord['error'];
}

/**
 * Lists the restores and undos in the repository, newest first, and whether each can still be undone, as far as the server and the disk
 * can be checked.
 *
 * @param openServer may fail: then `undo` is unknown
 * @throws E_REPOSITORY_FORMAT, E_FILES_DENIED
 */
export async function listRuns(repository: Repository, openServer: () => Promise<Server>): Promise<ListedRun[]> {
  const runs = await readSeen(repository);
  const kept = runs.some(isOpen) ? await readDatabases(openServer).catch(() => null) : null;
  const listed: ListedRun[] = [];
  for (const run of runs) listed.push(describe(run, isOpen(run) ? await undoable(run, kept) : null));
  return listed.reverse();
}

interface SeenRun extends RunRecord {
  readonly settled: boolean;
}

/** A run that its dead owner left as `running` was interrupted. Reads it again after checking the lock: it may just have ended. */
async function readSeen(repository: Repository): Promise<SeenRun[]> {
  const dead = new Set<string>();
  const runs = await readRuns(repository);
  for (const { run_id, state } of runs) {
    if (state === 'running' && !(await repository.isAtWork(run_id))) dead.add(run_id);
  }
  return (dead.size === 0 ? runs : await readRuns(repository)).map((run) =>
    run.state === 'running' && dead.has(run.run_id)
      ? { ...run, state: 'interrupted', settled: false }
      : { ...run, settled: run.state !== 'running' },
  );
}

const isOpen = ({ mode, state }: RunRecord): boolean => mode === 'swap' && state === 'done';

interface Databases {
  readonly systemIdentifier: string | null;
  readonly oids: ReadonlySet<number>;
}

async function readDatabases(openServer: () => Promise<Server>): Promise<Databases> {
  const server = await openServer();
  const systemIdentifier = await readSystemIdentifier(server);
  return inSession(server.maintenanceSession('restore.list'), async (session) => {
    const rows = await session.query<{ oid: string }>('select oid::text as oid from pg_database');
    return { systemIdentifier, oids: new Set(rows.map(({ oid }) => Number(oid))) };
  });
}

async function undoable(run: RunRecord, databases: Databases | null): Promise<ListedRun['undo']> {
  const { database, files } = run;
  if (run.old_removed_at !== undefined) return 'gone';
  if (database !== null) {
    if (databases === null || databases.systemIdentifier !== database.system_identifier) return 'unknown';
    // A restore of a dropped database kept none: its undo removes the restored one.
    const needed = database.outgoing?.oid ?? database.incoming?.oid;
    if (needed == null || !databases.oids.has(needed)) return 'gone';
  }
  if (files === null) return 'possible';
  const observed = await observeTree(files).catch(() => null);
  if (observed === null) return 'unknown';
  return observed.beforeFolders.some((kept) => kept.run === run.run_id) ? 'possible' : 'gone';
}

function describe(run: SeenRun, undo: ListedRun['undo']): ListedRun {
  const { run_id, started_at, finished_at, kind, mode, backup, set, state, settled, downtime_ms } = run;
  const { undoes, undone_by, undo_until, operator, error } = run;
  return {
    ...{ run_id, started_at, finished_at, kind, mode, backup, set, state, settled, downtime_ms },
    database: run.database?.name ?? null,
    directory: run.files?.root ?? null,
    into_schema: run.tables?.schema ?? null,
    duration_ms: finished_at === null ? null : Date.parse(finished_at) - Date.parse(started_at),
    old_database: run.database?.outgoing?.kept_as ?? null,
    ...{ undoes, undone_by, undo_until, undo, operator, error },
  };
}
