import { setTimeout as delay } from 'node:timers/promises';
import { PotctlError } from '../../kernel/errors.js';
import { sqlstateOf } from '../../postgres/errors.js';
import type { Session } from '../../postgres/server.js';

const GONE_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 100;

/** The purpose of a session whose statement may outlive a killed potctl; a later start finds it by the application name. */
export function runPurpose(step: 'create' | 'swap', runId: string): string {
  return `restore.${step}.${runId}`;
}

/**
 * Terminates sessions that a killed run left on the server, and waits until they are gone: only then does the catalog show how it ended.
 *
 * @throws E_LOCKED if such a session does not end, or belongs to a role whose sessions this role may not terminate
 */
export async function endSessionsOfRun(session: Session, runId: string): Promise<void> {
  const names = [`potctl:${runPurpose('create', runId)}`, `potctl:${runPurpose('swap', runId)}`];
  let pids: number[] = [];
  for (let waited = 0; waited <= GONE_WITHIN_MS; waited += LOOK_EVERY_MS) {
    const rows = await session.query<{ pid: number }>(
      `select pid from pg_catalog.pg_stat_activity
        where application_name = any (select pg_catalog.left(name, 63) from pg_catalog.unnest($1::text[]) as name)`,
      [names],
    );
    pids = rows.map(({ pid }) => pid);
    if (pids.length === 0) return;
    for (const pid of pids) await session.query('select pg_catalog.pg_terminate_backend($1)', [pid]).catch(ifDenied);
    await delay(LOOK_EVERY_MS);
  }
  throw new PotctlError('E_LOCKED', `a session of restore run ${runId} is still active on the server`, {
    fix: pids.map((pid) => `Terminate it as a superuser, then retry: SELECT pg_terminate_backend(${pid});`),
  });
}

/** It may end by itself. */
function ifDenied(error: unknown): void {
  if (sqlstateOf(error) !== '42501') throw error;
}
