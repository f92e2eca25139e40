import { PotctlError } from '../../kernel/errors.js';
import type { Session } from '../../postgres/server.js';

/** A session that is connected to a database. */
export interface BusySession {
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  readonly state: string;
  /** Whether this role may terminate it. */
  readonly mayEnd: boolean;
}

/**
 * The sessions of some databases, except autovacuum workers, which yield by themselves (an unprivileged role cannot distinguish them from
 * other background workers and sees neither).
 *
 * @param oids of the databases
 */
export async function readBusySessions(session: Session, oids: readonly number[]): Promise<BusySession[]> {
  const rows = await session.query<{
    pid: number;
    user: string | null;
    application: string;
    state: string;
    mayend: boolean;
  }>(
    `select a.pid, a.usename::text as user, coalesce(nullif(a.application_name, ''), a.backend_type, '') as application,
            coalesce(a.state, a.backend_type, '') as state,
            coalesce(me.rolsuper
                     or (not coalesce(r.rolsuper, true)
                         and (pg_has_role(a.usesysid, 'USAGE') or pg_has_role('pg_signal_backend', 'USAGE'))), false) as mayend
       from pg_stat_activity a
       left join pg_roles r on r.oid = a.usesysid
       join pg_roles me on me.rolname = current_user
      where a.datid = any ($1::oid[]) and a.pid <> pg_backend_pid()
        and a.backend_type is distinct from 'autovacuum worker'
        and not (a.usesysid is null and a.backend_type is null)
      order by a.pid`,
    [oids],
  );
  return rows.map(({ pid, user, application, state, mayend }) => ({
    pid,
    user: user ?? 'system',
    application,
    state,
    mayEnd: mayend,
  }));
}

/** Terminates every session of these databases that this role may terminate. Returns at once; the server needs a moment to end them. */
export async function endSessions(session: Session, oids: readonly number[]): Promise<void> {
  const busy = await readBusySessions(session, oids);
  const pids = busy.filter(({ mayEnd }) => mayEnd).map(({ pid }) => pid);
  if (pids.length > 0) await session.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids]);
}

/** E_TARGET_BUSY with the sessions that are connected. */
export function targetBusy(database: string, sessions: readonly BusySession[], detail?: string): PotctlError {
  const names = sessions
    .slice(0, 10)
    .map(({ pid, user, application, state }) => `pid ${pid} (${user}, ${application}, ${state})`);
  return new PotctlError('E_TARGET_BUSY', `the database "${database}" is in use`, {
    why:
      names.length > 0
        ? names.join('; ')
        : (detail ?? 'its clients reconnect faster than potctl can terminate their sessions'),
    fix: ['Stop the programs that use it (restore.stop_writers in the profile), then retry.'],
  });
}
