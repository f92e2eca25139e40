import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';

const WRITABLE = '-c default_transaction_read_only=off';

/**
 * The environment for tools that write to a database while the role defaults to read-only; our own sessions switch that off themselves. Empty
 * otherwise, because a pooler may reject the option.
 */
export async function writableEnvironment(server: Server, database: string): Promise<Record<string, string>> {
  const sql = `select reset_val from pg_catalog.pg_settings where name = 'default_transaction_read_only'`;
  const rows = await inSession(server.session({ database, purpose: 'restore.settings' }), (session) =>
    session.query<{ reset_val: string }>(sql),
  );
  if (rows[0]?.reset_val !== 'on') return {};
  const { options } = server.settings;
  return { PGOPTIONS: options === null ? WRITABLE : `${options} ${WRITABLE}` };
}
