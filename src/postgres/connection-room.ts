import { counted, verb } from '../kernel/counted.js';
import type { Progress } from '../kernel/progress.js';
import type { Session } from './server.js';

/** How many more connections this role may open now, according to the limits of role, database and server. */
export async function readConnectionRoom(session: Session): Promise<number> {
  const [row] = await session.query<{ room: string }>(
    `select least(
              case when r.rolconnlimit >= 0 and not r.rolsuper
                   then r.rolconnlimit - (select count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid) end,
              case when d.datconnlimit >= 0 and not r.rolsuper
                   then d.datconnlimit - (select count(*) from pg_catalog.pg_stat_activity a where a.datid = d.oid) end,
              pg_catalog.current_setting('max_connections')::bigint
              - case when r.rolsuper then 0 else pg_catalog.current_setting('superuser_reserved_connections')::bigint end
              - (select count(*) from pg_catalog.pg_stat_activity a where a.datid is not null))::text as room
       from pg_catalog.pg_roles r, pg_catalog.pg_database d
      where r.rolname = current_user and d.datname = pg_catalog.current_database()`,
  );
  return Number(row!.room);
}

/**
 * Limits the jobs to the available connections, at least one: slower is better than not at all. Warns if there are fewer than requested.
 *
 * @param besides connections needed in addition to those of the jobs
 */
export async function affordableJobs(
  session: Session,
  wanted: number,
  besides: number,
  progress: Progress,
): Promise<number> {
  if (wanted <= 1) return wanted;
  const room = await readConnectionRoom(session);
  const jobs = Math.max(1, Math.min(wanted, room - besides));
  if (jobs < wanted) {
    const more = `${counted(Math.max(0, room), 'more connection')} ${verb(room, 'is', 'are')}`;
    const text = `only ${more} allowed to this role now, so potctl uses --jobs ${jobs} instead of ${wanted}`;
    progress({ kind: 'warning', text });
  }
  return jobs;
}
