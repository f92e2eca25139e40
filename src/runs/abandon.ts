import { PotctlError } from '../kernel/errors.js';
import { closeBack, closeForward } from './finish.js';
import { type Journal, recordedError } from './journal.js';
import { describeLeftover, type Leftover } from './leftover.js';
import { type RunRecord, readRuns, writeRun } from './record.js';
import { type SettleDeps, type Settled, settleRun } from './settle.js';

/** What {@link abandon} needs. */
export interface AbandonDeps extends SettleDeps {
  readonly signal: AbortSignal;
}

/**
 * Cleans up after an error, based on what the server and the disk say: normally everything that was built is removed and the live data is
 * unchanged. If that is impossible now, the record stays `running` and the next start cleans up.
 *
 * @returns the error to throw, with what is left behind
 */
export async function abandon(deps: AbandonDeps, journal: Journal, error: unknown): Promise<unknown> {
  const record = { ...journal.record, error: recordedError(error) };
  const { run_id: run } = record;
  try {
    const settled = await settleRun(deps, record);
    return await closed(deps, record, settled, error).catch((unclosed: unknown) =>
      recordLeft(error, run, settled, unclosed),
    );
  } catch (left) {
    await writeRun(deps.repository, record).catch(() => {});
    if (error instanceof PotctlError && error.changed === 'unknown') return error;
    return saying(error, record.step === 'staging' ? 'scratch' : 'unknown', leftOver(run, left));
  }
}

async function closed(deps: AbandonDeps, record: RunRecord, { way, left }: Settled, error: unknown): Promise<unknown> {
  if (way === 'back') {
    await closeBack(deps, record, deps.signal.aborted ? 'interrupted' : 'failed', left);
    return takenBack(error, record, left);
  }
  const runs = await readRuns(deps.repository);
  await closeForward(deps, record, runs.find(({ run_id }) => run_id === record.undoes) ?? null, left);
  const stays = left.map((one) => `; ${describeLeftover(one)}`).join('');
  const done = `the swap of run ${record.run_id} is complete; only a later step failed${stays}`;
  return saying(error, 'complete', done, left);
}

/** The repository that made the run fail may also reject its record. */
function recordLeft(error: unknown, run: string, { way, left }: Settled, reason: unknown): unknown {
  const later = `could not be closed (${messageOf(reason)}): the next restore or backup closes it automatically`;
  if (way === 'back')
    return saying(
      error,
      'scratch',
      `live database and files were not changed; the record of run ${run} ${later}`,
      left,
    );
  return saying(error, 'complete', `the swap of run ${run} is complete; its record ${later}`, left);
}

function takenBack(
  error: unknown,
  { was_live: wasLive, kind, database }: RunRecord,
  left: readonly Leftover[],
): unknown {
  const same = 'live database and files were not changed';
  if (wasLive && kind === 'restore') {
    const kept = `the restored database was live for a moment; it is kept, with anything written to it, as "${database!.incoming!.staged_as}"`;
    return saying(error, 'scratch', `${same}; ${kept}`, left);
  }
  if (left.length > 0) return saying(error, 'scratch', `${same}; ${left.map(describeLeftover).join('; ')}`, left);
  return saying(error, 'nothing', `everything restored so far was removed; ${same}`);
}

/** The commands that remove leftovers come after the remedies of the error itself. */
function saying(
  error: unknown,
  changed: 'nothing' | 'scratch' | 'complete' | 'unknown',
  detail: string,
  left: readonly Leftover[] = [],
): unknown {
  if (!(error instanceof PotctlError)) return error;
  const fix = [...error.fix, ...left.map(({ line }) => `To remove the leftovers: ${line}`)];
  return error.with({ changed, changedDetail: detail, fix });
}

function leftOver(run: string, reason: unknown): string {
  return `run ${run} could not be cleaned up now (${messageOf(reason)}); the next restore or backup does it automatically`;
}

const messageOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));
