import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PotctlError } from '../kernel/errors.js';
import type { Server, Session } from './server.js';

/** A lock that is held until released, or until its connection ends. */
export interface DatabaseLock {
  /** @throws E_LOCKED if the connection that held it is lost: the holder must stop */
  assertHeld(): Promise<void>;
  /** Safe to call twice. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** What the holder does, e.g. `backup create`; visible to others as the application name. */
  readonly command?: string;
  /** Default 0: do not wait. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

interface Holder {
  readonly pid: number;
  readonly application: string | null;
  readonly client: string | null;
  readonly since: string | null;
}

/** `potc` as a number: the first half of the key, to avoid collisions with the application's own advisory locks. */
const SPACE = 0x706f7463;
const RETRY_MS = 500;

/**
 * Ensures that only one potctl at a time changes or dumps a database, from whatever host. The lock is taken on the server and keyed by the
 * database's name, so it also works if the database is dropped or renamed meanwhile.
 *
 * It is taken in the database `postgres`, or in the target itself if this role may not connect to `postgres`. Advisory locks of different
 * databases do not conflict, so all holders of the key on the server are checked afterwards: two that start at the same moment in different
 * databases may both be refused, but never both succeed.
 *
 * @throws E_LOCKED with the holder
 */
export async function lockDatabase(server: Server, database: string, options: LockOptions = {}): Promise<DatabaseLock> {
  const { command = 'work', waitMs = 0, signal } = options;
  const session = await lockSession(server, database, `lock:${command}`);
  const key = keyOf(database);
  const deadline = performance.now() + waitMs;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const holder = await tryLock(session, key);
      if (!holder) return held(session, key, database);
      if (performance.now() >= deadline) throw locked(database, holder);
      await delay(RETRY_MS);
    }
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function lockSession(server: Server, database: string, purpose: string): Promise<Session> {
  try {
    // Not template1, the fallback of maintenanceSession: a session there blocks every CREATE DATABASE.
    return await server.session({ database: 'postgres', purpose });
  } catch (error) {
    const code = error instanceof PotctlError ? error.code : '';
    if (!['E_DB_DENIED', 'E_DATABASE_NOT_FOUND', 'E_DB_QUERY'].includes(code)) throw error;
    return await server.session({ database, purpose });
  }
}

/** Returns undefined if we now hold the lock, and nobody holds it in another database. */
async function tryLock(session: Session, key: number): Promise<Holder | undefined> {
  const [row] = await session.query<{ granted: boolean }>(
    'select pg_catalog.pg_try_advisory_lock($1::int, $2::int) as granted',
    [SPACE, key],
  );
  const holder = await otherHolder(session, key);
  if (row?.granted && !holder) return undefined;
  if (row?.granted) await session.query('select pg_catalog.pg_advisory_unlock($1::int, $2::int)', [SPACE, key]);
  return holder ?? { pid: 0, application: null, client: null, since: null };
}

async function otherHolder(session: Session, key: number): Promise<Holder | undefined> {
  const [holder] = await session.query<Holder>(
    `select l.pid, a.application_name as application,
            coalesce(host(a.client_addr), 'local') as client,
            to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS"Z"') as since
       from pg_catalog.pg_locks l
       left join pg_catalog.pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.objsubid = 2
        and l.classid = $1::int8::oid and l.objid = $2::int8::oid
        and l.pid <> pg_catalog.pg_backend_pid()
      limit 1`,
    [SPACE, key >>> 0],
  );
  return holder;
}

function held(session: Session, key: number, database: string): DatabaseLock {
  let released: Promise<void> | undefined;
  return {
    async assertHeld() {
      const rows = await session
        .query(
          `select 1 from pg_catalog.pg_locks
            where locktype = 'advisory' and granted and objsubid = 2 and pid = pg_catalog.pg_backend_pid()
              and classid = $1::int8::oid and objid = $2::int8::oid`,
          [SPACE, key >>> 0],
        )
        .catch((): unknown[] => []);
      if (rows.length > 0) return;
      throw new PotctlError('E_LOCKED', `the lock on database '${database}' was lost`, {
        why: 'the connection that held it ended: the server was restarted, or an administrator or the network closed it',
        changed: 'unknown',
        fix: ['Run the command again.'],
      });
    },
    release() {
      released ??= session.close();
      return released;
    },
  };
}

function locked(database: string, holder: Holder): PotctlError {
  return new PotctlError('E_LOCKED', `another potctl process is working on database '${database}'`, {
    why: {
      holder: holder.application ?? 'unknown',
      pid: holder.pid,
      client: holder.client ?? 'unknown',
      since: holder.since ?? 'unknown',
    },
  });
}

/** 32 bits of the name's hash: if two names collide, one waits unnecessarily. */
function keyOf(database: string): number {
  return createHash('sha256').update(database).digest().readInt32BE(0);
}
