import path from 'node:path';
import type { DatabasePart } from '../catalog/manifest.js';
import type { DumpReader } from '../dump/dump-reader.js';
import { type ScannedDump, scanDump } from '../dump/scan-dump.js';
import type { TocEntry } from '../dump/toc.js';
import type { Check } from '../kernel/check.js';
import { ToolCrash } from '../kernel/child.js';
import type { Clock } from '../kernel/clock.js';
import { counted as countOf, verb } from '../kernel/counted.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import type { Progress } from '../kernel/progress.js';
import type { Repository } from '../repository/repository.js';

/** Verifies the dump in the folder of its backup: its table of contents, at level `full` also everything in it. */
export async function checkDump(
  deps: Pick<VerifyDeps, 'dumpReader' | 'progress' | 'signal' | 'readBack'>,
  folder: string,
  database: DatabasePart,
  level: VerifyLevel,
): Promise<VerifyCheck[]> {
  const { dumpReader, progress, readBack, signal } = deps;
  const judged = (name: string, look: () => Promise<Finding>): (() => Promise<VerifyCheck>) => {
    return () => judge({ part: 'database', name, signal }, look);
  };
  if (readBack)
    return [{ part: 'database', name: 'pg_restore --list', state: 'ok', detail: 'checked when it was written' }];
  progress({ kind: 'phase', name: 'dump' });
  const isImported = database.properties === null;
  const read = judged('every row read', () => compareRows(deps, folder, database));
  if (database.dump.format === 'plain') return level === 'full' ? [await read()] : [];
  if (dumpReader === null) {
    return [{ part: 'database', name: 'pg_restore --list', state: 'unknown', detail: 'pg_restore is not installed' }];
  }
  const dumpFolder = path.join(folder, database.backup_file);
  const listed = judged('pg_restore --list', async () => {
    const toc = await dumpReader.toc(dumpFolder);
    return isImported ? compareCount(toc, database) : compareToc(toc, database);
  });
  const checks = [await listed()];
  if (level === 'quick') return checks;
  if (isImported) return [...checks, await read()];
  const unpacked = judged('every member unpacked', async () => {
    await dumpReader.unpack(dumpFolder);
    return { state: 'ok', detail: 'complete' };
  });
  return [...checks, await unpacked()];
}

function compareToc(toc: readonly TocEntry[], { inventory }: DatabasePart): Finding {
  const members = new Set(toc.filter(({ desc }) => desc === 'TABLE DATA').map(({ dumpId }) => `${dumpId}.dat`));
  const missing = inventory.tables.filter(({ member }) => member !== null && !members.has(memberName(member)));
  if (missing.length === 0) return { state: 'ok', detail: `${countOf(members.size, 'table')} with data` };
  const names = missing.slice(0, 5).map(({ schema, table }) => `${schema}.${table}`);
  return {
    state: 'fail',
    detail: `${countOf(missing.length, 'table')} ${verb(missing.length, 'is', 'are')} not in the dump: ${names.join(', ')}`,
  };
}

/** `db/dump/3342.dat.gz` → `3342.dat`. */
function memberName(member: string): string {
  return path.posix.basename(member).replace(/\.(gz|zst|lz4)$/, '');
}

/** Compares only the counts: an imported dump does not tell by id which table an entry belongs to. */
function compareCount(toc: readonly TocEntry[], { inventory }: DatabasePart): Finding {
  if (inventory.toc_entries === 0 || toc.length >= inventory.tables.length) {
    return { state: 'ok', detail: `${countOf(toc.length, 'entry')}` };
  }
  return {
    state: 'fail',
    detail: `the dump has ${countOf(toc.length, 'entry')} for ${countOf(inventory.tables.length, 'table')}`,
  };
}

async function compareRows(
  { dumpReader, signal }: Pick<VerifyDeps, 'dumpReader' | 'signal'>,
  folder: string,
  { backup_file, dump, inventory }: DatabasePart,
): Promise<Finding> {
  const compression = /\.gz$/.test(backup_file) ? 'gzip' : /\.zst$/.test(backup_file) ? 'zstd' : 'none';
  const stored = { path: path.join(folder, backup_file), format: dump.format, compression, name: backup_file };
  const { facts }: ScannedDump = await scanDump(stored, dumpReader, signal);
  const counted = new Map(facts.tables.map(({ schema, table, rows }) => [`${schema}.${table}`, rows]));
  const wrong = inventory.tables.find(({ schema, table, count }) => counted.get(`${schema}.${table}`) !== count);
  if (wrong === undefined && counted.size === inventory.tables.length) {
    return { state: 'ok', detail: `${countOf(inventory.rows_total ?? 0, 'row')} in ${countOf(counted.size, 'table')}` };
  }
  return {
    state: 'fail',
    detail: `row counts differ from the manifest${wrong ? ` in ${wrong.schema}.${wrong.table}` : ''}`,
  };
}

/** The result of a check. */
export type Finding = Pick<VerifyCheck, 'state' | 'detail'>;

/** The error codes that prove damage, or an imported dump that psql cannot or must not run. */
const CANNOT_BE_RESTORED: readonly string[] = ['E_BACKUP_CORRUPT', 'E_UNFIT', 'E_REFUSED'];

/**
 * Runs one check. Only proof of damage fails it. A killed or missing program, an unreadable disk or a lack of memory or space says nothing
 * about the backup, so the check is `unknown` then.
 *
 * @throws the signal's reason when aborted: the check was not finished
 */
export async function judge(
  { part, name, signal }: Pick<VerifyCheck, 'part' | 'name'> & { readonly signal: AbortSignal },
  look: () => Promise<Finding>,
): Promise<VerifyCheck> {
  try {
    return { part, name, ...(await look()) };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = fromErrno(thrown, 'read the backup');
    if (!(error instanceof PotctlError)) throw error;
    const detail = [error.message, ...(error.why === undefined ? [] : [textOf(error.why)])].join(': ');
    if (CANNOT_BE_RESTORED.includes(error.code) && !(error instanceof ToolCrash))
      return { part, name, state: 'fail', detail };
    return { part, name, state: 'unknown', detail: `could not check: ${detail}` };
  }
}

const textOf = (why: NonNullable<PotctlError['why']>): string =>
  typeof why === 'string'
    ? why
    : Object.entries(why)
        .map(([key, value]) => `${key} ${String(value)}`)
        .join(', ');

/** How deep to verify: `quick` reads every stored byte once; `full` also unpacks everything. Neither is a restore. */
export type VerifyLevel = 'quick' | 'full';

/** One check of one part of a backup. */
export interface VerifyCheck extends Check {
  readonly part: 'manifest' | 'database' | 'files' | 'history';
  readonly state: 'ok' | 'fail' | 'unknown';
}

/** What a verification depends on. */
export interface VerifyDeps {
  readonly repository: Repository;
  /** Lists a dump's contents and, at level `full`, unpacks all of it; null if pg_restore is not installed. */
  readonly dumpReader: DumpReader | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Only compare sizes: hashes and the dump's table of contents were just computed from what is stored. */
  readonly readBack?: boolean;
  /** Recorded in the event. */
  readonly operator: string;
}
