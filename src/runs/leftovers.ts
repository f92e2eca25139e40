import { lstat } from 'node:fs/promises';
import { isErrno } from '../kernel/errors.js';
import type { Advice } from '../kernel/next.js';
import { inSession } from '../postgres/in-session.js';
import type { Server } from '../postgres/server.js';
import type { Repository } from '../repository/repository.js';
import { describeLeftover, type Leftover } from './leftover.js';
import { type RunRecord, readRecords, readRuns } from './record.js';
import { observeTree } from './tree/tree.js';

/** An unfinished part of an earlier restore, for people. */
export interface Unfinished {
  readonly text: string;
  /** What fixes it. */
  readonly fix: Advice;
}

/**
 * Lists what earlier restores left behind: killed runs that have not been cleaned up, leftovers that still exist, and unreadable records.
 * Changes nothing.
 *
 * @param server null = do not ask: then databases and roles are assumed to exist
 * @throws E_DB_*, E_FILES_DENIED, E_IO
 */
export async function observeLeftovers(repository: Repository, server: Server | null): Promise<Unfinished[]> {
  if (!(await repository.exists())) return [];
  const { runs, damaged } = await readRecords(repository);
  const found: Unfinished[] = damaged.map((name) => ({
    text: `"${name}" is not a valid restore record, or this user may not read it`,
    fix: `ls -l ${repository.url.replace('file://', '')}/${name}`,
  }));
  for (const { run_id: run, state, left_behind: left = [] } of runs) {
    if (state === 'running' && !(await repository.isAtWork(run)))
      found.push({
        text: `the restore run ${run} was killed`,
        fix: 'The next restore or backup finishes it or rolls it back.',
      });
    for (const one of left) {
      if (await isThere(one, server))
        found.push({ text: `restore run ${run}: ${describeLeftover(one)}`, fix: one.line });
    }
  }
  return found;
}

/** Previous data that restores and undos kept. */
export interface KeptForUndo {
  readonly databases: number;
  readonly trees: number;
  /** Until when the last of it can be undone, RFC 3339 UTC; null = unknown. */
  readonly until: string | null;
}

/**
 * Counts the previous databases on the server and the previous trees on this machine that runs kept.
 *
 * @param server null = no database is counted
 * @throws E_DB_*, E_FILES_DENIED, E_IO
 */
export async function observeKept(repository: Repository, server: Server | null): Promise<KeptForUndo> {
  if (!(await repository.exists())) return { databases: 0, trees: 0, until: null };
  const runs = (await readRuns(repository)).filter(({ mode }) => mode === 'swap');
  const databases = await keptDatabases(runs, server);
  const trees: RunRecord[] = [];
  for (const root of new Set(runs.flatMap(({ files }) => (files === null ? [] : [files.root])))) {
    const folders = (await observeTree({ root })).beforeFolders;
    trees.push(
      ...runs.filter(({ run_id, files }) => files?.root === root && folders.some(({ run }) => run === run_id)),
    );
  }
  const ends = [...databases, ...trees].flatMap(({ undo_until: end }) => (end === null ? [] : [end]));
  return { databases: databases.length, trees: trees.length, until: ends.sort().at(-1) ?? null };
}

/** The runs whose previous database still has the name under which they kept it. */
async function keptDatabases(runs: readonly RunRecord[], server: Server | null): Promise<RunRecord[]> {
  if (server === null || runs.every(({ database }) => database?.outgoing == null)) return [];
  // An oid can be larger than an int4.
  const sql =
    'select oid::pg_catalog.int8::pg_catalog.float8 as oid, datname::pg_catalog.text as name from pg_catalog.pg_database';
  const there = await inSession(server.maintenanceSession('restore.list'), (session) =>
    session.query<{ oid: number; name: string }>(sql),
  );
  return runs.filter(({ database }) =>
    there.some(({ oid, name }) => oid === database?.outgoing?.oid && name === database.outgoing.kept_as),
  );
}

async function isThere({ kind, name }: Leftover, server: Server | null): Promise<boolean> {
  if (kind === 'files') {
    return lstat(name).then(
      () => true,
      (error: unknown) => !isErrno(error, 'ENOENT'),
    );
  }
  if (server === null || kind === 'schema') return true;
  const sql = {
    database: 'select from pg_catalog.pg_database where datname = $1',
    role: 'select from pg_catalog.pg_roles where rolname = $1',
  }[kind];
  const rows = await inSession(server.maintenanceSession('restore.list'), (session) => session.query(sql, [name]));
  return rows.length > 0;
}
