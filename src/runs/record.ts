import { PotctlError } from '../kernel/errors.js';
import type { Repository } from '../repository/repository.js';
import type { Accepted } from './accept.js';
import type { Leftover } from './leftover.js';
import { stagedDatabaseName, stagedSchemaName, stagedTreePath } from './names.js';

const FOLDER = 'restores';

/**
 * `running` is also what a killed run leaves behind; whoever holds the repository's lock next sets it right. `undone`: a later run took
 * it back.
 */
export type RunState = 'running' | 'done' | 'undone' | 'failed' | 'interrupted';

/** One database goes and another comes, told apart by oid: names change hands. */
export interface DatabaseMove {
  /** null where the role may not read it. */
  readonly system_identifier: string | null;
  /** The live name. */
  readonly name: string;
  /** What had the live name, and the name under which it is kept. null: nothing had it. */
  readonly outgoing: { readonly oid: number; readonly kept_as: string } | null;
  /** What gets the live name, and its name until then; `oid` is null until it exists. null: nothing gets it. */
  readonly incoming: { readonly oid: number | null; readonly staged_as: string } | null;
}

/** One tree goes and another comes inside the same root; the steps are in the tree's own journal. */
export interface TreeMove {
  readonly root: string;
  /** Was there a tree before? */
  readonly existed: boolean;
  /** Mode `new`: where the tree is until it gets its name in one rename. null = inside the root. */
  readonly staged_at: string | null;
}

/** Single tables come into a schema of the live database; until they are checked they wait in another one, which bears the run's id. */
export interface TablesMove {
  readonly schema: string;
  readonly staged_schema: string;
  /** Their names in both. */
  readonly names: readonly string[];
}

/** How much was written to a database until a moment, as its statistics say. */
export interface WriteBaseline {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** When the counters were last set to zero; null = never. */
  readonly stats_reset: string | null;
}

/** What is known of one restore or undo, as stored in `restores/<run>.json`. Written before each step that cannot be taken back. */
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
  /** The restored backup; of an undo the one that it takes back. */
  readonly backup: string;
  readonly undoes: string | null;
  readonly undone_by: string | null;
  readonly state: RunState;
  /** How far it came: preparing beside the live data, swapping, or past the point of no return. */
  readonly step: 'staging' | 'swapping' | 'swapped';
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly keep_old_ms: number;
  readonly undo_until: string | null;
  /** Since then what it had kept is being removed, or is gone: it cannot be undone any more. */
  readonly old_removed_at?: string;
  readonly database: DatabaseMove | null;
  readonly files: TreeMove | null;
  /** Only of a run that brings single tables: then `database.incoming` is a scratch database, which never becomes live. */
  readonly tables?: TablesMove;
  /** Was what was restored live for a moment, and taken back? Then it may hold what was written meanwhile, and is never dropped. */
  readonly was_live?: boolean;
  /** Roles that this run made; taken away again if it fails. */
  readonly created_roles: readonly string[];
  /** What it made and could not remove at its end: every later start tries again. Absent = nothing. */
  readonly left_behind?: readonly Leftover[];
  /** Was the stop hook run, and not yet the start hook? */
  readonly writers_stopped: boolean;
  readonly restored: { readonly tables: number; readonly rows: number; readonly files: number } | null;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly downtime_ms: number | null;
  /** Bytes of the source, for the next run's estimate. */
  readonly source_bytes: number;
  readonly written: WriteBaseline | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What spoke against it and was accepted by name, with the evidence; absent in records of older versions. */
  readonly accepted?: readonly Accepted[];
}

/** A record that another user has written for himself is as good as a damaged one: it names nothing. */
function unreadable(error: unknown): null {
  if (error instanceof PotctlError && (error.code === 'E_FILES_DENIED' || error.code === 'E_IO')) return null;
  throw error;
}

/** Reads every run that the repository knows, oldest first. Damaged documents are left out: they name nothing that could be relied on. */
export async function readRuns(repository: Repository): Promise<RunRecord[]> {
  return (await readRecords(repository)).runs;
}

/** Like {@link readRuns}; `damaged` are the documents that are no records, or not as a run of ours would have written them. */
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

/** What a plan says where the record of its run cannot go into the repository. */
export function recordsWarning({ recordsIn }: { readonly recordsIn?: string | null }): string[] {
  if (recordsIn == null) return [];
  return [`the repository cannot be written to: the record of this run, which undo needs, is kept in "${recordsIn}"`];
}

/** The backups of runs that are not at their end, each with what is to be said of it. Such a run may want its backup again. */
export async function backupsOfRunning(repository: Repository): Promise<ReadonlyMap<string, string>> {
  const running = (await readRuns(repository)).filter(({ state }) => state === 'running');
  return new Map(running.map(({ backup, kind, run_id }) => [backup, `${kind} ${run_id}`]));
}

/** Stores a run, durably, in the place of what was known of it. */
export async function writeRun(repository: Repository, record: RunRecord): Promise<void> {
  await repository.putDocument(documentOf(record.run_id), `${JSON.stringify(record, null, 2)}\n`);
}

const documentOf = (runId: string): string => `${FOLDER}/${runId}.json`;

/** Reads one stored run; undefined for anything that is not one of ours. */
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
  // The one marked edge of this format: what it holds was written by writeRun.
  return ours && typeof run === 'string' ? (value as RunRecord) : undefined;
}

/** Taking a run back drops a database and removes a directory: only such as bear the run's own id are believed to be its work. */
function namesItsOwn({ run_id: run, kind, database, files, tables }: RunRecord): boolean {
  if (tables !== undefined && tables.staged_schema !== stagedSchemaName(run)) return false;
  const { staged_at: stagedAt = null, root = '' } = files ?? {};
  if (stagedAt !== null && stagedAt !== stagedTreePath(root, run)) return false;
  const incoming = kind === 'restore' ? (database?.incoming ?? null) : null;
  return incoming === null || incoming.staged_as === stagedDatabaseName(database!.name, run);
}
