import { PotctlError } from '../kernel/errors.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { findSwappedRuns } from './database/swapped-runs.js';
import { readSystemIdentifier } from './database/system-identifier.js';
import { closeBack, closeForward } from './finish.js';
import { runHook } from './hooks.js';
import { describeLeftover, type Leftover } from './leftover.js';
import { type RunRecord, readRecords, writeRun } from './record.js';
import { removeLeftovers, type SettleDeps, settleRun, type Way } from './settle.js';
import { hasTreeOf } from './settle-tree.js';
import { observeTree } from './tree/tree.js';

/** What recovery needs in addition. */
export interface RecoverDeps extends SettleDeps {
  /** Starts the writers that a killed run left stopped; null = no hook. */
  readonly startWriters: string | null;
  /** The current backup series: the hook is for its writers only. */
  readonly set: string;
  /** The name of this machine. */
  readonly hostname: string;
  /** The tree of the current command; null = none. */
  readonly tree: string | null;
  /** The database that the current command replaces or writes to; null = none, as for a backup, which no leftover may block. */
  readonly database: string | null;
}

/** An earlier run that has now been finished or rolled back. */
export interface Recovered {
  readonly runId: string;
  readonly outcome: Way;
}

/**
 * Cleans up after killed restores and undos: each is finished if its databases had been swapped, otherwise rolled back. Runs on another
 * server or host are left for a command that reaches it. What cannot be removed becomes a warning with the command that removes it.
 *
 * The caller holds the repository's lock, so a run that is still `running` has no living owner.
 *
 * @throws E_DB_*, E_LOCKED if a run on the same database cannot be settled, E_REFUSED if the tree stays half-swapped: continuing would
 * build on an unknown state
 */
export async function recoverRuns(deps: RecoverDeps): Promise<Recovered[]> {
  const { runs, damaged } = await readRecords(deps.repository);
  for (const name of damaged)
    warn(deps, `"${name}" is not a valid restore record, or this user may not read it: that run was not cleaned up`);
  const recovered: Recovered[] = [];
  for (const record of runs) {
    try {
      if (record.left_behind !== undefined) await removeAgain(deps, record);
      if (record.state !== 'running') continue;
      const outcome = await recoverWithinReach(deps, record, runs);
      if (outcome !== null) recovered.push({ runId: record.run_id, outcome });
    } catch (error) {
      if (mustStop(deps, record, error)) throw error;
      const { message, fix } = error as PotctlError;
      warn(
        deps,
        advice`restore run ${record.run_id} was killed and cannot be cleaned up now: ${message}. ${fix[0] ?? ''}`,
      );
    }
  }
  if (deps.tree !== null) await refuseHalfSwapped(deps.tree);
  return recovered;
}

/** Leftovers elsewhere are no reason to stop; an unsettled run on the database that this command is about to change is. */
function mustStop({ database }: RecoverDeps, record: RunRecord, error: unknown): boolean {
  if (!(error instanceof PotctlError) || STOPPING.includes(error.code)) return true;
  return record.state === 'running' && database !== null && record.database?.name === database;
}

/** Ctrl-C, and a server without which nothing else would work either. */
const STOPPING = ['E_INTERRUPTED', 'E_TERMINATED', 'E_TIMEOUT', 'E_DB_UNREACHABLE'];

async function recoverWithinReach(
  deps: RecoverDeps,
  record: RunRecord,
  runs: readonly RunRecord[],
): Promise<Way | null> {
  const beyond = await whyBeyondReach(deps, record);
  if (beyond === null) return recoverRun(deps, record, runs);
  warn(deps, `restore run ${record.run_id} ${beyond}`);
  return null;
}

async function recoverRun(deps: RecoverDeps, record: RunRecord, runs: readonly RunRecord[]): Promise<Way> {
  const { way, left } = await settleRun(deps, record);
  const settled = { ...record, writers_stopped: record.writers_stopped && !(await startWritersAgain(deps, record)) };
  if (way === 'forward') {
    await closeForward(deps, settled, runs.find(({ run_id }) => run_id === record.undoes) ?? null, left);
  } else {
    await closeBack(deps, settled, 'interrupted', left);
  }
  const end =
    way === 'forward'
      ? 'it had already swapped, so potctl finished it'
      : 'it had not swapped yet, so potctl rolled it back';
  warn(deps, `restore run ${record.run_id} was killed: ${end}`);
  tell(deps, record, left);
  return way;
}

/** Tries again to remove what an ended run left behind: the obstacle may be gone by now. */
async function removeAgain(deps: RecoverDeps, record: RunRecord): Promise<void> {
  if (!(await isServerOf(deps, record))) return;
  const left = await removeLeftovers(deps, record);
  const { left_behind: _, ...rest } = record;
  await writeRun(deps.repository, left.length === 0 ? rest : { ...rest, left_behind: left });
  tell(deps, record, left);
}

function tell(deps: RecoverDeps, { run_id: run }: RunRecord, left: readonly Leftover[]): void {
  for (const one of left) {
    warn(deps, `restore run ${run}: ${describeLeftover(one)}. It does no harm; to remove it: ${one.line}`);
  }
}

/** Leaves alone what is not visible from here: it may exist elsewhere. */
async function whyBeyondReach(deps: RecoverDeps, record: RunRecord): Promise<string | null> {
  if (!(await isServerOf(deps, record))) return 'stopped halfway on another server';
  const { files, step, hostname } = record;
  if (files === null || step === 'staging' || (await hasTreeOf(record, files))) return null;
  if (hostname !== deps.hostname) return `stopped halfway on the host ${hostname}`;
  if ((await findSwappedRuns(deps.server, [record])).length === 0) return null;
  return `has swapped the database, but its files are neither staged nor kept in "${files.root}"`;
}

/** The run belongs to another repository, or was out of reach. */
async function refuseHalfSwapped(root: string): Promise<void> {
  const { unfinished } = await observeTree({ root });
  if (unfinished === null) return;
  throw new PotctlError('E_REFUSED', `the files in "${root}" are half swapped: old and new entries are mixed`, {
    why: { run: unfinished.run, kind: unfinished.kind, phase: unfinished.phase },
    fix: [
      advice`Finish that run first: ${potctl('restore', 'run')} or \`undo\`, with its repository and database, on its host.`,
    ],
  });
}

async function isServerOf({ server }: RecoverDeps, { database }: RunRecord): Promise<boolean> {
  if (database === null) return true;
  if (server === null) return false;
  if (database.system_identifier === null) return true;
  const found = await readSystemIdentifier(server);
  return found === null || found === database.system_identifier;
}

/** @returns whether they are running again */
async function startWritersAgain(deps: RecoverDeps, record: RunRecord): Promise<boolean> {
  const { startWriters, childEnvironment, set } = deps;
  if (!record.writers_stopped) return true;
  if (startWriters === null || record.set !== set) {
    warn(deps, `run ${record.run_id} had stopped the writers of ${record.set}; start them again`);
    return false;
  }
  try {
    await runHook('start_writers', startWriters, { environment: childEnvironment });
    return true;
  } catch (error) {
    if (!(error instanceof PotctlError)) throw error;
    warn(deps, error.message);
    return false;
  }
}

const warn = ({ progress }: RecoverDeps, text: Advice): void => progress({ kind: 'warning', text });
