import { PotctlError } from '../errors.js';
import { readSystemIdentifier } from './database/system-identifier.js';
import { closeBack, closeForward } from './finish.js';
import { runHook } from './hooks.js';
import { type RunRecord, readRuns } from './record.js';
import { type SettleDeps, type Settled, settleRun } from './settle.js';

/** What recovery needs besides. */
export interface RecoverDeps extends SettleDeps {
  /** Starts the writers that a killed run left stopped; null = no hook. */
  readonly startWriters: string | null;
}

/** A run of the past that was brought to an end now. */
export interface Recovered {
  readonly runId: string;
  readonly outcome: Settled;
}

/**
 * Sets right what killed restores and undos left: each is finished if its databases were swapped already, else taken back. Runs on
 * another server are left to whoever reaches that one.
 *
 * The caller holds the repository's lock: whatever is still marked as running has no living owner.
 *
 * @throws E_DB_*, E_LOCKED when a run of this server cannot be settled: working on would mean to build on unknown ground
 */
export async function recoverRuns(deps: RecoverDeps): Promise<Recovered[]> {
  const runs = await readRuns(deps.repository);
  const recovered: Recovered[] = [];
  for (const record of runs.filter(({ state }) => state === 'running')) {
    if (!(await isWithinReach(deps, record))) {
      deps.progress({ kind: 'warning', text: `the restore run ${record.run_id} ended half-way on another server` });
      continue;
    }
    const outcome = await recoverRun(deps, record, runs);
    recovered.push({ runId: record.run_id, outcome });
  }
  return recovered;
}

async function recoverRun(deps: RecoverDeps, record: RunRecord, runs: readonly RunRecord[]): Promise<Settled> {
  const outcome = await settleRun(deps, record);
  await startWritersAgain(deps, record);
  const settled = { ...record, writers_stopped: false };
  if (outcome === 'forward') {
    await closeForward(deps, settled, runs.find(({ run_id }) => run_id === record.undoes) ?? null);
  } else {
    await closeBack(deps, settled, 'interrupted');
  }
  const end = outcome === 'forward' ? 'it had swapped, and was finished' : 'it had not swapped, and was taken back';
  deps.progress({ kind: 'warning', text: `the restore run ${record.run_id} had been killed: ${end}` });
  return outcome;
}

async function isWithinReach({ server }: RecoverDeps, { database }: RunRecord): Promise<boolean> {
  if (database === null) return true;
  if (server === null) return false;
  if (database.system_identifier === null) return true;
  const found = await readSystemIdentifier(server);
  return found === null || found === database.system_identifier;
}

async function startWritersAgain({ startWriters, childEnvironment, progress }: RecoverDeps, record: RunRecord) {
  if (!record.writers_stopped) return;
  if (startWriters === null) {
    progress({ kind: 'warning', text: `the run ${record.run_id} had stopped the writers; start them again` });
    return;
  }
  try {
    await runHook('start_writers', startWriters, { environment: childEnvironment });
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    progress({ kind: 'warning', text: error.message });
  }
}
