import type { Check } from '../kernel/check.js';
import { counted } from '../kernel/counted.js';
import { readLockRoom } from '../postgres/lock-room.js';
import { type Connected, ok, warn } from './check.js';

/** What pg_dump locks besides the tables: those of the catalog, with their indexes. */
const CATALOG = 150;
const DEFAULT_LOCKS = 64;
/** The rest is for other sessions. */
const FULL = 0.8;

interface Row {
  readonly tables: number;
  readonly slots: string;
}

/** Checks that the server's lock table has room for all tables and partitions at once, as a dump needs. */
export async function lockRoom({ session }: Connected): Promise<Check> {
  const [row] = await session.query<Row>(
    `select (select count(*)::int from pg_catalog.pg_class as c
              where c.relkind in ('r', 'p') and c.relpersistence <> 't'
                and c.relnamespace not in (select oid from pg_catalog.pg_namespace
                                            where nspname in ('pg_catalog', 'information_schema') or nspname like 'pg\\_toast%')) as tables,
            (pg_catalog.current_setting('max_connections')::bigint
             + pg_catalog.current_setting('max_prepared_transactions')::bigint)::text as slots`,
  );
  const { tables, slots } = row!;
  const room = await readLockRoom(session);
  const figures = `${counted(tables, 'table or partition', 'tables and partitions')}, room for ${counted(room, 'lock')}`;
  if (tables + CATALOG <= FULL * room) return ok('locks', figures);
  // Twice as many as now, for more tables and other sessions.
  const wanted = Math.max(DEFAULT_LOCKS, Math.ceil((2 * (tables + CATALOG)) / Number(slots)));
  return warn(
    'locks',
    `${figures}: a dump locks all tables at once and may fail with "out of shared memory"`,
    `as a superuser: alter system set max_locks_per_transaction = ${wanted}; then restart the server`,
  );
}
