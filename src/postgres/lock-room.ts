import type { Session } from './server.js';

/** How many objects the server's lock table holds for certain, of all its sessions together. */
export async function readLockRoom(session: Session): Promise<number> {
  const [row] = await session.query<{ room: string }>(
    `select (pg_catalog.current_setting('max_locks_per_transaction')::bigint
             * (pg_catalog.current_setting('max_connections')::bigint
                + pg_catalog.current_setting('max_prepared_transactions')::bigint))::text as room`,
  );
  return Number(row!.room);
}
