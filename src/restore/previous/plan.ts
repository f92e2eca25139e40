import path from 'node:path';
import type { Settings } from '../../config/settings.js';
import { PotctlError } from '../../kernel/errors.js';
import { type RunRecord, readRuns } from '../../runs/record.js';
import type { RestoreDeps } from '../deps.js';
import { observeDatabases, type SeenDatabase } from './databases.js';
import { observeTrees, type SeenTree } from './trees.js';

/** Whose previous databases and trees to remove. */
export interface OldRequest {
  readonly runId: string;
  /** The target's database and tree; null = none. */
  readonly database: string | null;
  readonly filesPath: string | null;
  /** Those of every target in the repository. */
  readonly everywhere: boolean;
  /** Runs whose previous data is removed although its time is not over: ids or unique prefixes. */
  readonly runs: readonly string[];
  readonly profile: Settings['profile'];
  readonly hostname: string;
  readonly waitMs: number;
}

/** Previous data that a restore or an undo kept. Sizes in bytes, times RFC 3339 UTC. */
export interface OldThing {
  readonly kind: 'database' | 'tree';
  /** null: no record proves which run kept it. */
  readonly run: string | null;
  /** The database's name, or the path of the folder. */
  readonly name: string;
  readonly bytes: number | null;
  readonly lastWrite: string | null;
  readonly undoUntil: string | null;
  /** Why it is kept; null = it will be removed. */
  readonly stays: string | null;
}

/** What would be removed, and what is kept. */
export interface OldPlan {
  readonly remove: readonly OldThing[];
  readonly keep: readonly OldThing[];
  readonly freedBytes: number;
  /** The value that --confirm requires. */
  readonly confirm: string;
  /** What could not be checked. */
  readonly warnings: readonly string[];
}

/**
 * Finds the databases and trees that finished restores and undos kept, and decides which may be removed: only those that a record
 * identifies by oid and name, whose time is over or whose run is named, and without connections. Changes nothing.
 *
 * @throws E_RUN_NOT_FOUND for a run that kept nothing; E_DB_*
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
      const text = found === undefined ? `no finished run '${id}' found` : `'${id}' matches ${fitting.length} runs`;
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
  const elsewhere = record !== null && record.hostname !== hostname ? `it belongs to host ${record.hostname}` : null;
  const stays = record === null ? UNPROVEN : (elsewhere ?? timeLeft(record, named, now) ?? holds);
  return { ...known, undoUntil: record?.undo_until ?? null, stays };
}

/** Half of what a run kept cannot be restored: as long as the database of a run stays unchanged, so does its tree. */
function stayTogether(thing: OldThing, databases: readonly SeenDatabase[]): OldThing {
  const own = databases.find(({ record }) => record !== null && record.run_id === thing.run);
  const isKept = own !== undefined && own.obstacle !== null && own.name === own.record?.database?.outgoing?.kept_as;
  if (thing.kind === 'database' || thing.stays !== null || !isKept) return thing;
  return { ...thing, stays: `the database of the same run is kept: ${own.obstacle}` };
}

const UNPROVEN = 'no restore record shows that potctl created it';

/** Why previous data is still kept; null = it may be removed. */
function timeLeft(record: RunRecord, named: ReadonlySet<string>, now: number): string | null {
  const { run_id: run, finished_at: finished, undo_until: until, old_removed_at: removed } = record;
  if (removed !== undefined || named.has(run)) return null;
  if (finished !== null && now < Date.parse(finished)) return 'the clock shows a time before the end of its run';
  if (until !== null && now >= Date.parse(until)) return null;
  return `undo is possible until ${until ?? 'an unknown time'}; to remove it now: --run ${run}`;
}
