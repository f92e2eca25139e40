import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Artifact, DatabasePart, Manifest } from '../catalog/manifest.js';
import { fromErrno, isErrno } from '../kernel/errors.js';
import { affordableJobs, readConnectionRoom } from '../postgres/connection-room.js';
import type { Server } from '../postgres/server.js';
import type { FollowingHash } from '../storage/following-hash.js';
import { hashWrites } from '../storage/hash.js';
import { countRows, type RowCounts } from './count-rows.js';
import { readDatabaseProperties } from './database-properties.js';
import {
  countLargeObjects,
  readExtensions,
  readSequences,
  readServerFacts,
  readSizes,
  readTablespaces,
} from './facts.js';
import { dumpGlobals, type GlobalsResult } from './globals.js';
import { compareInventory, type Observation } from './inventory.js';
import { runPgDump } from './pg-dump.js';
import { trackDump } from './progress.js';
import { listReferenced } from './referenced-list.js';
import type { DumpRequest } from './request.js';
import { readRoles } from './roles.js';
import { openSnapshot, type Snapshot } from './snapshot.js';
import { readStoredIn, rewrittenReasons, rewrittenSince } from './stored-in.js';
import { DUMP_FOLDER } from './tables.js';
import { readToc } from './toc.js';

/** The dump on disk, and what was read in its snapshot. */
export interface DumpResult {
  readonly part: DatabasePart;
  readonly snapshot: NonNullable<Manifest['snapshot']>;
  /** Local file with the result of the references query, one JSON string per line; null without a query. */
  readonly referencedList: string | null;
  /** Reasons for `degraded`, e.g. a missing row count. */
  readonly degraded: readonly string[];
}

/**
 * Dumps the database with pg_dump into the draft, and reads in the same snapshot what a restore is compared with: row counts of every
 * table, database settings, extensions, roles. Counting and dumping run in parallel; if one fails, the other is stopped.
 *
 * Reports only `bytes`; the caller reports phases. After a failure files may remain in the folder, but nothing is running any more.
 *
 * @throws E_DB_DENIED naming a table that cannot be read completely; E_DB_LOCKED, E_DB_*, E_TOOL_*, E_NO_SPACE, E_CONFIG (references query)
 */
export async function dumpDatabase(server: Server, request: DumpRequest): Promise<DumpResult> {
  request.signal.throwIfAborted();
  // Not recursive: on a full disk Node would report a missing folder.
  await mkdir(path.join(request.folder, 'db'), { mode: 0o700 }).catch((error: unknown) => {
    if (isErrno(error, 'EEXIST')) return;
    throw fromErrno(error, `create "${path.join(request.folder, 'db')}"`);
  });
  await server.tool('pg_dump');
  const snapshot = await openSnapshot(server, request.lockWaitMs);
  const stored = hashWrites(path.join(request.folder, DUMP_FOLDER), MEMBER);
  try {
    // pg_dump needs one connection besides those of its workers, and pg_dumpall another one.
    const jobs = await affordableJobs(snapshot.session, request.jobs, 2, request.progress);
    const inTurn = jobs === 1 && (await readConnectionRoom(snapshot.session)) < 2;
    const taken = await sideBySide(server, snapshot, { ...request, jobs, inTurn });
    const [files, toc] = await Promise.all([
      hashAll(stored, request.folder),
      readToc(server, path.join(request.folder, DUMP_FOLDER), request.signal),
    ]);
    return describe(server, snapshot, request, { ...taken, files, toc });
  } finally {
    await stored.abandon();
    await snapshot.session.close();
  }
}

/** Files that pg_dump only appends to; it overwrites the table of contents. */
const MEMBER = /^(\d+|blob_\d+)\.dat(\.\w+)?$/;

/** Returns the files ascending by path, relative to `folder`, with `/` between segments. */
async function hashAll(stored: FollowingHash, folder: string): Promise<Artifact[]> {
  const entries = await readdir(path.join(folder, 'db'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const hashed = await stored.finish(files);
  return files.map((file, index) => ({
    path: path.relative(folder, file).split(path.sep).join('/'),
    ...hashed[index]!,
  }));
}

interface Taken {
  readonly dump: DatabasePart['dump'];
  readonly globals: GlobalsResult;
  readonly observed: Observed;
}

type Observed = RowCounts & {
  readonly sizes: ReadonlyMap<number, number>;
  readonly referencedList: string | null;
  readonly facts: Pick<
    DatabasePart,
    'server' | 'properties' | 'roles' | 'extensions' | 'tablespaces' | 'journal_anchor'
  >;
  readonly sequences: DatabasePart['inventory']['sequences'];
  readonly largeObjects: number;
};

interface Room {
  /** Whether pg_dumpall must wait for pg_dump to end, because there is no connection for both. */
  readonly inTurn: boolean;
}

async function sideBySide(server: Server, snapshot: Snapshot, request: DumpRequest & Room): Promise<Taken> {
  const failed = new AbortController();
  const signal = AbortSignal.any([request.signal, failed.signal]);
  signal.addEventListener('abort', () => void snapshot.session.close(), { once: true });
  const track = trackDump(snapshot.tables, request.jobs, request.progress);
  const { folder, jobs, lockWaitMs } = request;
  const onTable = track.tableStarted;
  let tablesAreHeld = (): void => {};
  const held = new Promise<void>((resolve) => {
    tablesAreHeld = resolve;
  });
  const dumping = runPgDump(server, {
    ...{ folder, jobs, lockWaitMs, snapshotId: snapshot.id, signal, onTable },
    onLocked: tablesAreHeld,
  });
  dumping.finally(tablesAreHeld).catch(() => {});
  const works = [
    dumping,
    (request.inTurn ? dumping : Promise.resolve()).then(() => dumpGlobals(server, folder, signal)),
    observe(snapshot, request, track.sizesKnown, held),
  ] as const;
  let first: unknown;
  for (const work of works) {
    work.catch((error: unknown) => {
      first ??= error;
      failed.abort(error);
    });
  }
  const settled = await Promise.allSettled(works);
  request.signal.throwIfAborted();
  if (settled.some(({ status }) => status === 'rejected')) throw first;
  const [dump, globals, observed] = await Promise.all(works);
  return { dump, globals, observed };
}

/** Runs all queries of the snapshot, the short ones first. */
async function observe(
  snapshot: Snapshot,
  { references, folder, rows, readAnchor, progress }: DumpRequest,
  onSizes: (sizes: ReadonlyMap<number, number>) => void,
  dumpHoldsTables: Promise<void>,
): Promise<Observed> {
  const { session, tables, storedIn } = snapshot;
  const properties = await readDatabaseProperties(session);
  const facts = {
    properties,
    server: await readServerFacts(session),
    extensions: await readExtensions(session),
    roles: await readRoles(session, properties),
    tablespaces: await readTablespaces(session),
    journal_anchor: (await readAnchor?.(session)) ?? null,
  };
  const sequences = await readSequences(session, snapshot.sequences);
  const largeObjects = await countLargeObjects(session);
  const sizes = await readSizes(session, tables);
  onSizes(sizes);
  const warn = (text: string): void => progress({ kind: 'warning', text });
  const referencedList = references === null ? null : await listReferenced(session, references, folder, warn);
  if (storedIn !== null) await dumpHoldsTables;
  const rewritten = storedIn === null ? [] : rewrittenSince(tables, storedIn, await readStoredIn(session, tables));
  const { counts, degraded } = await countRows(session, tables, rows, storedIn);
  const reasons = [...rewrittenReasons(rewritten), ...degraded];
  return { facts, sequences, largeObjects, sizes, referencedList, counts, degraded: reasons };
}

function describe(
  { settings }: Server,
  snapshot: Snapshot,
  { rows }: DumpRequest,
  { dump, globals, observed, files, toc }: Taken & Pick<Observation, 'files' | 'toc'>,
): DumpResult {
  const { counts, sizes, facts, sequences, largeObjects, referencedList } = observed;
  const compared = compareInventory({ tables: snapshot.tables, counts, sizes, toc, files });
  return {
    part: {
      host: settings.host,
      port: settings.port,
      name: settings.database,
      backup_file: DUMP_FOLDER,
      size_bytes: files.reduce((sum, { size }) => sum + size, 0),
      ...facts,
      dump,
      files: [...files],
      globals: globals.globals,
      inventory: {
        toc_entries: toc.length,
        tables: compared.tables,
        rows_mode: rows,
        rows_total: rows === 'off' ? null : totalOf(compared.tables),
        sequences,
        large_objects: largeObjects,
      },
    },
    snapshot: snapshot.facts,
    referencedList,
    degraded: [...globals.degraded, ...observed.degraded, ...compared.degraded],
  };
}

/** Returns the total; null if any table was not counted, because a partial sum would look like a fact. */
function totalOf(tables: readonly { readonly count: number | null }[]): number | null {
  return tables.reduce<number | null>((sum, { count }) => (sum === null || count === null ? null : sum + count), 0);
}
