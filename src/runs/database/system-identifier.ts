import { sqlstateOf } from '../../postgres/errors.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';

/** The system identifier of the PostgreSQL cluster; null if the role may not read it. */
export async function readSystemIdentifier(server: Server): Promise<string | null> {
  const sql = 'select system_identifier::text as id from pg_control_system()';
  const read = (): Promise<{ id: string }[]> =>
    inSession(server.maintenanceSession('restore.identify'), (session) => session.query<{ id: string }>(sql));
  return (await read().catch(denied))[0]?.id ?? null;
}

function denied(error: unknown): never[] {
  if (sqlstateOf(error) === '42501') return [];
  throw error;
}
