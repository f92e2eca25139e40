import { inSession } from '../../postgres/in-session.js';
import type { Server } from '../../postgres/server.js';
import type { RunRecord } from '../record.js';
import { isSwapped, readNameFacts } from './facts.js';

/**
 * The runs still marked `running` although their databases were swapped: their potctl was killed in between. Read-only.
 *
 * @returns their ids
 */
export async function findSwappedRuns(server: Server | null, runs: readonly RunRecord[]): Promise<string[]> {
  const open = runs.filter(({ state }) => state === 'running');
  if (server === null || open.length === 0) return [];
  return inSession(server.maintenanceSession('restore.plan'), async (session) => {
    const swapped: string[] = [];
    for (const { run_id, database } of open) {
      if (database !== null && isSwapped(database, await readNameFacts(session, database))) swapped.push(run_id);
    }
    return swapped;
  });
}
