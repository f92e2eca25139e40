import { PotctlError } from '../kernel/errors.js';
import type { Repository } from '../repository/repository.js';
import type { Accepted } from './accept.js';
import type { Leftover } from './leftover.js';
import { stagedDatabaseName, stagedSchemaName, stagedTreePath } from './names.js';

const FOLDER = 'restores';

/**
 * A killed run also stays `running`; the next holder of the repository's lock cleans it up. `undone`: a later run undid it.
 */
export type RunState = 'running' | 'done' | 'undone' | 'failed' | 'interrupted';

/** One database replaces another. They are identified by oid, because names change. */
export interface DatabaseMove {
  /** null if the role may not read it. */
  readonly system_identifier: string | null;
  /** The live name. */
  readonly name: string;
  /** The database that had the live name, and the name under which it is kept. null: there was none. */
  readonly outgoing: { readonly oid: number; readonly kept_as: string } | null;
  /** The database that gets the live name, and its name until then; `oid` is null until it exists. null: there is none. */
  readonly incoming: { readonly oid: number | null; readonly staged_as: string } | null;
}

/** One tree replaces another inside the same root; the steps are in the tree's own journal. */
export interface TreeMove {
  readonly root: string;
  /** Whether there was a tree before. */
  readonly existed: boolean;
  /** Mode `new`: where the tree is until it gets its name in one rename. null = inside the root. */
  readonly staged_at: string | null;
}

/** Single tables are restored into a schema of the live database; until they are verified, they are in a staging schema named after the run. */
export interface TablesMove {
  readonly schema: string;
  readonly staged_schema: string;
  /** The table names, the same in both schemas. */
  readonly names: readonly string[];
}

/** How much had been written to a database at some moment, according to its statistics. */
export interface WriteBaseline {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** When the counters were last reset; null = never. */
  readonly stats_reset: string | null;
}

/** The record of one restore or undo, stored as `restores/<run>.json`. Written before each irreversible step. */
export interface RunRecord {
  readonly schema: 'potctl.restore';
  readonly schema_version: '1.0';
  readonly run_id: string;
  readonly trace_id: string;
  readonly operator: string;
  readonly hostname: string;
  readonly kind: 'restore' | 'undo';
  readonly mode: 'swap' | 'new';
  readonly set: string;
  /** The restored backup; for an undo, the backup of the run that it undoes. */
  readonly backup: string;
  readonly undoes: string | null;
  readonly undone_by: string | null;
  readonly state: RunState;
  /** How far it got: preparing next to the live data, swapping, or past the point of no return. */
  readonly step: 'staging' | 'swapping' | 'swapped';
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly keep_old_ms: number;
  readonly undo_until: string | null;
  /** Since when its previous database or files are being removed; it can no longer be undone. */
  readonly old_removed_at?: string;
  readonly database: DatabaseMove | null;
  readonly files: TreeMove | null;
  /** Only for a run that restores single tables: then `database.incoming` is a scratch database, which never becomes live. */
  readonly tables?: TablesMove;
  /** Whether the restored data was live for a moment and then rolled back. It may hold new writes and is never dropped. */
  readonly was_live?: boolean;
  /** Roles that this run created; dropped again if it fails. */
  readonly created_roles: readonly string[];
  /** What it created and could not remove; every later start tries again. Absent = nothing. */
  readonly left_behind?: readonly Leftover[];
  /** Whether the stop hook has run and the start hook has not. */
  readonly writers_stopped: boolean;
  readonly restored: { readonly tables: number; readonly rows: number; readonly files: number } | null;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly downtime_ms: number | null;
  /** Bytes of the source, for the estimate of later runs. */
  readonly source_bytes: number;
  readonly written: WriteBaseline | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Findings that were accepted by name, with the evidence; absent in records of older versions. */
  readonly accepted?: readonly Accepted[];
}

/** A record that only another user can read counts as damaged: nothing in it can be used. */
function unreadable(error: unknown): null {
  if (error instanceof PotctlError && (error.code === 'E_FILES_DENIED' || error.code === 'E_IO')) return null;
  throw error;
}

/** Reads all runs in the repository, oldest first. Skips damaged records, which cannot be relied on. */
export async function readRuns(repository: Repository): Promise<RunRecord[]> {
  return (await readRecords(repository)).runs;
}

/** Like {@link readRuns}; `damaged` lists documents that are not valid records, or not as potctl writes them. */
export async function readRecords(repository: Repository): Promise<{ runs: RunRecord[]; damaged: string[] }> {
  const runs: RunRecord[] = [];
  const damaged: string[] = [];
  for (const name of (await repository.listDocuments(FOLDER).catch(unreadable)) ?? [FOLDER]) {
    const text = name === FOLDER ? null : await repository.getDocument(name).catch(unreadable);
    if (text === undefined) continue;
    const record = text === null ? undefined : parseRecord(text);
    if (record !== undefined && name === documentOf(record.run_id)) runs.push(record);
    else damaged.push(name);
  }
  runs.sort((a, b) => (`${a.started_at} ${a.run_id}` < `${b.started_at} ${b.run_id}` ? -1 : 1));
  return { runs, damaged };
}

/** The plan's warning if the record of its run cannot be stored in the repository. */
export function recordsWarning({ recordsIn }: { readonly recordsIn?: string | null }): string[] {
  if (recordsIn == null) return [];
  return [`the repository is read-only: the record of this run, which undo needs, is stored in "${recordsIn}"`];
}

/** The backups of unfinished runs, each with the run to name in messages. Such a run may need its backup again. */
export async function backupsOfRunning(repository: Repository): Promise<ReadonlyMap<string, string>> {
  const running = (await readRuns(repository)).filter(({ state }) => state === 'running');
  return new Map(running.map(({ backup, kind, run_id }) => [backup, `${kind} ${run_id}`]));
}

/** Stores a run durably, replacing its earlier record. */
export async function writeRun(repository: Repository, record: RunRecord): Promise<void> {
  await repository.putDocument(documentOf(record.run_id), `${JSON.stringify(record, null, 2)}\n`);
}

const documentOf = (runId: string): string => `${FOLDER}/${runId}.json`;

/** Parses one stored run; undefined for anything that is not a valid record. */
export function parseRecord(text: string): RunRecord | undefined {
  try {
    const record = asRecord(JSON.parse(text));
    return record !== undefined && namesItsOwn(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): RunRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { schema, schema_version: version, run_id: run } = value as Partial<Record<keyof RunRecord, unknown>>;
  const ours = schema === 'potctl.restore' && typeof version === 'string' && version.startsWith('1.');
  // The one unchecked cast of this format: its content was written by writeRun.
  return ours && typeof run === 'string' ? (value as RunRecord) : undefined;
}

/** Rolling back a run drops a database and removes a directory: only names with the run's own id are trusted. */
function namesItsOwn({ run_id: run, kind, database, files, tables }: RunRecord): boolean {
  if (tables !== undefined && tables.staged_schema !== stagedSchemaName(run)) return false;
  const { staged_at: stagedAt = null, root = '' } = files ?? {};
  if (stagedAt !== null && stagedAt !== stagedTreePath(root, run)) return false;
  const incoming = kind === 'restore' ? (database?.incoming ?? null) : null;
  return incoming === null || incoming.staged_as === stagedDatabaseName(database!.name, run);
}
