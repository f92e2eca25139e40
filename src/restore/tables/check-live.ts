import { PotctlError } from '../../kernel/errors.js';
import { quoteIdentifier, quoteQualified } from '../../postgres/identifiers.js';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import { stagedSchemaName } from '../../runs/names.js';
import type { RunningTables } from './running.js';
import { checkRows, type MovedTable } from './scratch.js';

/**
 * Compares the copied tables with the backup (rows) and with the scratch database (sequences, indexes, constraints) before they become
 * visible, and collects planner statistics.
 *
 * @throws E_RESTORE_CHECK
 */
export async function checkLive(running: RunningTables, tables: readonly MovedTable[]): Promise<void> {
  const { deps, journal, prepared } = running;
  const { name, stagedAs } = prepared.plan.database;
  const staged = stagedSchemaName(journal.record.run_id);
  const live = await describe(deps.server!, name, staged);
  const scratch = await describe(deps.server!, stagedAs, staged);
  const missing = scratch.filter((line) => !live.includes(line));
  if (missing.length > 0) {
    throw new PotctlError('E_RESTORE_CHECK', 'parts of the tables are missing in the live database', {
      why: missing.slice(0, 8).join('; '),
    });
  }
  await checkRows(running, name, tables, staged);
  await inSession(sessionOn(deps.server!, name), async (session) => {
    for (const table of tables) await session.query(`analyze ${quoteQualified(staged, table.name)}`);
  });
}

const sessionOn = (server: Server, database: string): Promise<Session> =>
  server.session({ database, purpose: 'restore.tables', statementTimeoutMs: 0 });

async function describe(server: Server, database: string, schema: string): Promise<string[]> {
  const rows = await inSession(sessionOn(server, database), (session) =>
    session.query<{ line: string }>(
      `select format('%s %s', case c.relkind when 'S' then 'sequence' when 'i' then 'index' when 'I' then 'index' else 'table' end,
                     c.relname) as line
         from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'i', 'I', 'S')
       union all
       select format('sequence %s at %s', sequencename, coalesce(last_value::text, 'its start'))
         from pg_sequences where schemaname = $2
       union all
       select format('constraint %s of %s, valid: %s', k.conname, c.relname, k.convalidated)
         from pg_constraint k join pg_class c on c.oid = k.conrelid where c.relnamespace = $1::regnamespace`,
      [quoteIdentifier(schema), schema],
    ),
  );
  return rows.map(({ line }) => line);
}
