import type { Manifest } from '../catalog/manifest.js';
import { PotctlError } from '../kernel/errors.js';
import { quoteQualified } from '../postgres/identifiers.js';
import { readLockRoom } from '../postgres/lock-room.js';
import type { Server, Session } from '../postgres/server.js';
import { readStoredIn, type StoredIn } from './stored-in.js';
import { type DumpedTable, isUnnameable, readTables, refuseUnreadable } from './tables.js';

/** An open transaction that sees one moment of the database and locks every table in that state. */
export interface Snapshot {
  readonly session: Session;
  /** The snapshot for `pg_dump --snapshot`; valid while the session is open. */
  readonly id: string;
  readonly facts: NonNullable<Manifest['snapshot']>;
  readonly inRecovery: boolean;
  /** The tables whose rows pg_dump must dump. */
  readonly tables: readonly DumpedTable[];
  readonly sequences: readonly DumpedTable[];
  /** Where the rows of the tables were stored before the snapshot, if it holds no locks; null = it locks them. */
  readonly storedIn: StoredIn | null;
}

/** Tables may be created and dropped while they are being locked; after this many attempts, the known tables are locked. */
const ATTEMPTS = 4;
const LOCK_BATCH = 500;

/**
 * Opens the snapshot of a dump: first the locks, then the snapshot. pg_dump alone does it the other way round, so that a TRUNCATE or a
 * rewriting ALTER in between makes it dump an empty table without an error. If the server's lock table has no room for our locks besides
 * those of pg_dump, none are taken; tables rewritten meanwhile are then detected afterwards.
 *
 * The locks are those of a reader. They also keep the counting from waiting behind somebody who waits for pg_dump.
 *
 * @param lockWaitMs how long to wait for a lock, 0 = forever
 * @throws E_DB_DENIED naming the tables that this role may not read completely; E_DB_LOCKED; E_DB_*
 */
export async function openSnapshot(server: Server, lockWaitMs: number): Promise<Snapshot> {
  const session = await server.session({ purpose: 'backup create', statementTimeoutMs: 0 });
  try {
    await session.query(sessionSettings(session.versionNum, lockWaitMs));
    for (let attempt = 1; ; attempt += 1) {
      const snapshot = await tryOpen(session, attempt === ATTEMPTS);
      if (snapshot) return snapshot;
    }
  } catch (error) {
    await session.close();
    throw error;
  }
}

function sessionSettings(versionNum: number, lockWaitMs: number): string {
  return [
    'set idle_in_transaction_session_timeout = 0',
    ...(versionNum >= 170_000 ? ['set transaction_timeout = 0'] : []),
    `set lock_timeout = ${Math.trunc(lockWaitMs)}`,
    'set row_security = off',
    // The dump must be fast; counting may use one core at most.
    'set max_parallel_workers_per_gather = 0',
  ].join('; ');
}

/** Returns undefined if the tables changed between listing and locking. */
async function tryOpen(session: Session, evenIfChanged: boolean): Promise<Snapshot | undefined> {
  const listed = await readTables(session);
  refuseUnreadable(listed);
  const storedIn = (await hasRoom(session, listed)) ? null : await readStoredIn(session, listed);
  // LOCK takes no snapshot: the first query does, after all locks.
  await session.query('begin isolation level repeatable read read only');
  const locked = storedIn !== null || (await lockTables(session, listed));
  const [row] = locked ? await session.query<SnapshotRow>(SNAPSHOT) : [];
  const tables = row ? await readTables(session) : [];
  const same = row && sameTables(listed, tables);
  if (!row || (!same && !evenIfChanged)) {
    await session.query('rollback');
    if (evenIfChanged) throw neverStill();
    return undefined;
  }
  refuseUnreadable(tables);
  if (storedIn === null) {
    if (!same) await lockTables(session, tables);
    await session.query('set local lock_timeout = 0');
  }
  return {
    session,
    id: row.id,
    facts: { taken_at: row.taken_at, lsn: row.lsn, isolation: 'repeatable read' },
    inRecovery: row.in_recovery,
    tables: tables.filter(({ kind, dumped }) => kind === 'r' && dumped),
    sequences: tables.filter(({ kind, dumped }) => kind === 'S' && dumped),
    storedIn,
  };
}

/**
 * Returns whether the lock table has room. pg_dump locks every table twice, once in a worker; with ours that makes three. The rest is for
 * everybody else.
 */
async function hasRoom(session: Session, tables: readonly DumpedTable[]): Promise<boolean> {
  const wanted = tables.filter(({ kind, dumped }) => kind !== 'S' && dumped);
  if (wanted.some(isUnnameable)) return false;
  return 3 * wanted.length <= (await readLockRoom(session));
}

interface SnapshotRow {
  readonly id: string;
  readonly taken_at: string;
  readonly lsn: string;
  readonly in_recovery: boolean;
}

const SNAPSHOT = `
  select pg_export_snapshot() as id, pg_is_in_recovery() as in_recovery,
         to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as taken_at,
         (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text as lsn`;

/** Locks the tables; returns false if one of them no longer exists. */
async function lockTables(session: Session, tables: readonly DumpedTable[]): Promise<boolean> {
  const names = tables
    .filter(({ kind, dumped }) => kind !== 'S' && dumped)
    .map(({ schema, name }) => `only ${quoteQualified(schema, name)}`);
  try {
    for (let from = 0; from < names.length; from += LOCK_BATCH) {
      await session.query(`lock table ${names.slice(from, from + LOCK_BATCH).join(', ')} in access share mode`);
    }
    return true;
  } catch (error) {
    const sqlstate = error instanceof PotctlError && typeof error.why === 'object' ? error.why['sqlstate'] : undefined;
    if (sqlstate === '42P01' || sqlstate === '3F000') return false;
    throw error;
  }
}

function sameTables(one: readonly DumpedTable[], other: readonly DumpedTable[]): boolean {
  const oids = new Set(one.map(({ oid }) => oid));
  return one.length === other.length && other.every(({ oid }) => oids.has(oid));
}

function neverStill(): PotctlError {
  return new PotctlError('E_DB_LOCKED', 'tables kept being dropped while they were being locked', {
    fix: ['Repeat when no migration is running.'],
  });
}
