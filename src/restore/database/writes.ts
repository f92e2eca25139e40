import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';
import type { WriteBaseline } from '../../runs/record.js';

/** How much has been written to the tables of a database, according to its statistics. */
export async function readWrites(server: Server, database: string): Promise<WriteBaseline> {
  const sql = `select coalesce(sum(n_tup_ins), 0)::text as inserted, coalesce(sum(n_tup_upd), 0)::text as updated,
                      coalesce(sum(n_tup_del), 0)::text as deleted,
                      (select to_char(stats_reset, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                         from pg_stat_database where datname = current_database()) as reset
                 from pg_stat_user_tables`;
  type Row = { inserted: string; updated: string; deleted: string; reset: string | null };
  const opening = server.session({ database, purpose: 'restore.statistics' });
  const [row] = await inSession(opening, (session) => session.query<Row>(sql));
  const { inserted, updated, deleted, reset } = row!;
  return { inserted: Number(inserted), updated: Number(updated), deleted: Number(deleted), stats_reset: reset };
}

/** Rows written between two readings; null if unknown, e.g. because the counters were reset in between. Pure. */
export function writesSince(baseline: WriteBaseline | null, now: WriteBaseline | null): number | null {
  if (baseline === null || now === null || baseline.stats_reset !== now.stats_reset) return null;
  const total = ({ inserted, updated, deleted }: WriteBaseline): number => inserted + updated + deleted;
  const written = total(now) - total(baseline);
  return written < 0 ? null : written;
}
