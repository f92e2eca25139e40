import { PotctlError } from '../kernel/errors.js';
import { closeBack, closeForward } from './finish.js';
import { type Journal, recordedError } from './journal.js';
import { describeLeftover, type Leftover } from './leftover.js';
import { type RunRecord, readRuns, writeRun } from './record.js';
import { type SettleDeps, type Settled, settleRun } from './settle.js';

/** What giving up a run needs. */
export interface AbandonDeps extends SettleDeps {
  readonly signal: AbortSignal;
}

/**
 * Puts things right after an error, by what the server and the disk say: normally all that was built is removed and the live data is as it
 * was. Where that cannot be done now, the record stays `running` and the next start does it.
 *
 * @returns the error to throw, saying what is left
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
  const done = `the swap of run ${record.run_id} is complete, only what came after it failed${stays}`;
  return saying(error, 'complete', done, left);
}

/** The repository that failed the run may refuse its record as well. */
function recordLeft(error: unknown, run: string, { way, left }: Settled, reason: unknown): unknown {
  const later = `its record could not be closed (${messageOf(reason)}): the next restore or backup does it by itself`;
  if (way === 'back')
    return saying(error, 'scratch', `live database and files are as they were; of run ${run} ${later}`, left);
  return saying(error, 'complete', `the swap of run ${run} is complete; ${later}`, left);
}

function takenBack(
  error: unknown,
  { was_live: wasLive, kind, database }: RunRecord,
  left: readonly Leftover[],
): unknown {
  const same = 'live database and files are as they were';
  if (wasLive && kind === 'restore') {
    const kept = `the restored database was live for a moment: what was written to it is kept in "${database!.incoming!.staged_as}"`;
    return saying(error, 'scratch', `${same}; ${kept}`, left);
  }
  if (left.length > 0) return saying(error, 'scratch', `${same}; ${left.map(describeLeftover).join('; ')}`, left);
  return saying(error, 'nothing', `what had been restored beside them was removed; ${same}`);
}

/** The lines that remove what stays come after what helps against the error itself. */
function saying(
  error: unknown,
  changed: 'nothing' | 'scratch' | 'complete' | 'unknown',
  detail: string,
  left: readonly Leftover[] = [],
): unknown {
  if (!(error instanceof PotctlError)) return error;
  const fix = [...error.fix, ...left.map(({ line }) => `To remove what stays: ${line}`)];
  return error.with({ changed, changedDetail: detail, fix });
}

function leftOver(run: string, reason: unknown): string {
  return `what run ${run} left could not be set right now (${messageOf(reason)}); the next restore or backup does it by itself`;
}

const messageOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));
