import path from 'node:path';
import type { Settings } from '../../config/settings.js';
import { PotctlError } from '../../kernel/errors.js';
import { type RunRecord, readRuns } from '../../runs/record.js';
import type { RestoreDeps } from '../deps.js';
import { observeDatabases, type SeenDatabase } from './databases.js';
import { observeTrees, type SeenTree } from './trees.js';

/** Whose old databases and trees. */
export interface OldRequest {
  readonly runId: string;
  /** The target's database and tree; null = none. */
  readonly database: string | null;
  readonly filesPath: string | null;
  /** Those of every target that the repository knows. */
  readonly everywhere: boolean;
  /** Runs whose kept data goes although its time is not over: ids or unique beginnings. */
  readonly runs: readonly string[];
  readonly profile: Settings['profile'];
  readonly hostname: string;
  readonly waitMs: number;
}

/** Something that a restore or an undo has kept. Sizes in bytes, times RFC 3339 UTC. */
export interface OldThing {
  readonly kind: 'database' | 'tree';
  /** null: no record proves whose it is. */
  readonly run: string | null;
  /** The database's name, or the path of the folder. */
  readonly name: string;
  readonly bytes: number | null;
  readonly lastWrite: string | null;
  readonly undoUntil: string | null;
  /** Why it stays; null = it goes. */
  readonly stays: string | null;
}

/** What would be removed, and what stays. */
export interface OldPlan {
  readonly remove: readonly OldThing[];
  readonly keep: readonly OldThing[];
  readonly freedBytes: number;
  /** What must be typed. */
  readonly confirm: string;
  /** What could not be looked at. */
  readonly warnings: readonly string[];
}

/**
 * Finds the databases and trees that finished restores and undos have kept, and decides which of them may go: only such as a record of ours
 * proves by oid and name, whose time is over or whose run is named, and with which nobody is connected. Changes nothing.
 *
 * @throws E_RUN_NOT_FOUND for a run that has kept nothing; E_DB_*
 */
export async function planOld(deps: RestoreDeps, request: OldRequest): Promise<OldPlan> {
  const records = (await readRuns(deps.repository)).filter((record) => isOurs(record, request));
  const named = namedRuns(records, request.runs);
  const databases = await observeDatabases(deps.server, records, request.database);
  const trees = await observeTrees(records, request, deps.signal);
  const now = deps.clock.now().getTime();
  const things = [
    ...databases.seen.map((seen) => judgeDatabase(seen, named, now)),
    ...trees.map((seen) => judgeTree(seen, named, now, request.hostname)),
  ].map((thing) => stayTogether(thing, databases.seen));
  const remove = things.filter(({ stays }) => stays === null);
  return {
    remove,
    keep: things.filter(({ stays }) => stays !== null),
    freedBytes: remove.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    confirm: request.database ?? path.basename(request.filesPath ?? 'old'),
    warnings: databases.warnings,
  };
}

function isOurs({ mode, state, database, files }: RunRecord, { everywhere, ...at }: OldRequest): boolean {
  if (mode !== 'swap' || (state !== 'done' && state !== 'undone')) return false;
  if (everywhere) return true;
  if (database !== null) return database.name === at.database;
  return files !== null && at.filesPath !== null && path.resolve(at.filesPath) === path.resolve(files.root);
}

function namedRuns(records: readonly RunRecord[], wanted: readonly string[]): Set<string> {
  return new Set(
    wanted.map((id) => {
      const fitting = records.filter(({ run_id }) => run_id.startsWith(id));
      const found = fitting.find(({ run_id }) => run_id === id) ?? fitting[0];
      if (found !== undefined && (fitting.length === 1 || found.run_id === id)) return found.run_id;
      const text =
        found === undefined ? `there is no finished run '${id}' here` : `'${id}' fits ${fitting.length} runs`;
      throw new PotctlError('E_RUN_NOT_FOUND', text);
    }),
  );
}

function judgeDatabase(
  { name, record, bytes, lastWrite, obstacle }: SeenDatabase,
  named: ReadonlySet<string>,
  now: number,
): OldThing {
  const known = { kind: 'database', run: record?.run_id ?? null, name, bytes, lastWrite } as const;
  const stays = obstacle ?? (record === null ? UNPROVEN : timeLeft(record, named, now));
  return { ...known, undoUntil: record?.undo_until ?? null, stays };
}

function judgeTree(
  { path: name, record, bytes, lastWrite, holds }: SeenTree,
  named: ReadonlySet<string>,
  now: number,
  hostname: string,
): OldThing {
  const known = { kind: 'tree', run: record?.run_id ?? null, name, bytes, lastWrite } as const;
  const elsewhere = record !== null && record.hostname !== hostname ? `it is of the host ${record.hostname}` : null;
  const stays = record === null ? UNPROVEN : (elsewhere ?? timeLeft(record, named, now) ?? holds);
  return { ...known, undoUntil: record?.undo_until ?? null, stays };
}

/** Half of what a run has kept is no way back: as long as its database stays as it was, its tree does. */
function stayTogether(thing: OldThing, databases: readonly SeenDatabase[]): OldThing {
  const own = databases.find(({ record }) => record !== null && record.run_id === thing.run);
  const isKept = own !== undefined && own.obstacle !== null && own.name === own.record?.database?.outgoing?.kept_as;
  if (thing.kind === 'database' || thing.stays !== null || !isKept) return thing;
  return { ...thing, stays: `the database of the same run stays: ${own.obstacle}` };
}

const UNPROVEN = 'no record of a restore proves that it is ours';

/** Why a kept thing is not over yet; null = it may go. */
function timeLeft(record: RunRecord, named: ReadonlySet<string>, now: number): string | null {
  const { run_id: run, finished_at: finished, undo_until: until, old_removed_at: removed } = record;
  if (removed !== undefined || named.has(run)) return null;
  if (finished !== null && now < Date.parse(finished)) return 'the clock is behind the end of its run';
  if (until !== null && now >= Date.parse(until)) return null;
  return `undo is possible until ${until ?? 'nobody knows when'}; sooner with --run ${run}`;
}
