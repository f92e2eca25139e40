import type { Session } from './server.js';

/** The guaranteed capacity of the server's lock table, in objects, for all sessions together. */
export async function readLockRoom(session: Session): Promise<number> {
  const [row] = await session.query<{ room: string }>(
    `select (pg_catalog.current_setting('max_locks_per_transaction')::bigint
             * (pg_catalog.current_setting('max_connections')::bigint
                + pg_catalog.current_setting('max_prepared_transactions')::bigint))::text as room`,
  );
  return Number(row!.room);
}
