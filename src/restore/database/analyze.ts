import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import type { Session } from '../../postgres/server.js';

const SHOWN = 5;

/**
 * Gives the planner its statistics: pg_restore leaves none. They are no data: what cannot be analyzed, e.g. a partitioned table with a partition
 * on a server that does not answer, is told and stops nothing.
 *
 * @returns a sentence for what has no statistics; none where all have
 * @throws what ends the session, and a full disk
 */
export async function analyzeDatabase(session: Session): Promise<string[]> {
  const failure = await attempt(session, 'analyze');
  if (failure === null) return [];
  const tables = await session.query<{ name: string }>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_class as c
       join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      order by 1`,
  );
  const failed: string[] = [];
  for (const { name } of tables) {
    const reason = await attempt(session, `analyze ${name}`);
    if (reason !== null) failed.push(`${name} (${reason})`);
  }
  const more = failed.length > SHOWN ? ` and ${failed.length - SHOWN} more` : '';
  const text = `no statistics for the planner, run ANALYZE later: ${failed.slice(0, SHOWN).join(', ')}${more}`;
  return failed.length === 0 ? [] : [text];
}

/** @returns what the server said against it */
async function attempt(session: Session, sql: string): Promise<string | null> {
  try {
    await session.query(sql);
    return null;
  } catch (error) {
    if (!(error instanceof PotctlError) || sqlstateOf(error) === undefined || error.code === 'E_NO_SPACE') throw error;
    return error.message.replace(/^.*?': /, '');
  }
}
