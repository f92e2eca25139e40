import { setTimeout as delay } from 'node:timers/promises';
import { PotctlError } from '../../errors.js';
import type { Session } from '../../postgres/server.js';

const GONE_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 100;

/** The purpose of a session whose statement may outlive a killed potctl; a later start finds it by the application name. */
export function runPurpose(step: 'create' | 'swap', runId: string): string {
  return `restore.${step}.${runId}`;
}

/**
 * Ends what a killed run still has running on the server and waits until it is gone: only then the catalogue says how the run ended.
 *
 * @throws E_LOCKED if such a session does not go
 */
export async function endSessionsOfRun(session: Session, runId: string): Promise<void> {
  const names = [`potctl:${runPurpose('create', runId)}`, `potctl:${runPurpose('swap', runId)}`];
  for (let waited = 0; waited <= GONE_WITHIN_MS; waited += LOOK_EVERY_MS) {
    const rows = await session.query(
      `select pid, pg_terminate_backend(pid) as ended
         from pg_stat_activity
        where application_name = any (select left(name, 63) from unnest($1::text[]) as name)`,
      [names],
    );
    if (rows.length === 0) return;
    await delay(LOOK_EVERY_MS);
  }
  throw new PotctlError('E_LOCKED', `a session of the restore run ${runId} is still at work on the server`);
}
