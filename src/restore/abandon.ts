import { PotctlError } from '../errors.js';
import type { RestoreDeps } from './deps.js';
import { closeBack, closeForward } from './finish.js';
import { type Journal, recordedError } from './journal.js';
import { type RunRecord, readRuns, writeRun } from './record.js';
import { settleRun } from './settle.js';

/**
 * Puts things right after an error, by what the server and the disk say: normally all that was built is removed and the live data is as it
 * was. Where that cannot be done now, the record stays `running` and the next start does it.
 *
 * @returns the error to throw, saying what is left
 */
export async function abandon(deps: RestoreDeps, journal: Journal, error: unknown): Promise<unknown> {
  const record = { ...journal.record, error: recordedError(error) };
  const { run_id: run } = record;
  try {
    if ((await settleRun(deps, record)) === 'back') {
      await closeBack(deps, record, deps.signal.aborted ? 'interrupted' : 'failed');
      return takenBack(error, record);
    }
    const runs = await readRuns(deps.repository);
    await closeForward(deps, record, runs.find(({ run_id }) => run_id === record.undoes) ?? null);
    return saying(error, 'complete', `the swap of run ${run} is complete, only what came after it failed`);
  } catch (left) {
    await writeRun(deps.repository, record).catch(() => {});
    if (error instanceof PotctlError && error.changed === 'unknown') return error;
    return saying(error, record.step === 'staging' ? 'scratch' : 'unknown', leftOver(run, left));
  }
}

function takenBack(error: unknown, { was_live: wasLive, kind, database }: RunRecord): unknown {
  if (!wasLive || kind === 'undo') {
    const removed = 'what had been built beside was removed; live database and files are as they were';
    return saying(error, 'nothing', removed);
  }
  const kept = `the restored database was live for a moment: what was written to it is kept in "${database!.incoming!.staged_as}"`;
  return saying(error, 'scratch', `live database and files are as they were; ${kept}`);
}

function saying(error: unknown, changed: 'nothing' | 'scratch' | 'complete' | 'unknown', detail: string): unknown {
  return error instanceof PotctlError ? error.with({ changed, changedDetail: detail }) : error;
}

function leftOver(run: string, reason: unknown): string {
  const why = reason instanceof Error ? reason.message : String(reason);
  return `what run ${run} left could not be set right now (${why}); the next restore or backup does it by itself`;
}
