import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import type { Session } from '../../postgres/server.js';

const SHOWN = 5;

/**
 * Collects planner statistics, which pg_restore does not restore. They are not data: a table that cannot be analyzed, e.g. a partitioned table
 * with a partition on an unreachable server, leads to a warning only.
 *
 * @returns a sentence about tables without statistics; empty if all have some
 * @throws errors that end the session, and E_NO_SPACE
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
  const text = `no planner statistics for some tables; run ANALYZE later: ${failed.slice(0, SHOWN).join(', ')}${more}`;
  return failed.length === 0 ? [] : [text];
}

/** @returns the server's error; null = success */
async function attempt(session: Session, sql: string): Promise<string | null> {
  try {
    await session.query(sql);
    return null;
  } catch (error) {
    if (!(error instanceof PotctlError) || sqlstateOf(error) === undefined || error.code === 'E_NO_SPACE') throw error;
    return error.message.replace(/^.*?': /, '');
  }
}
