import type { Changes } from '../kernel/changes.js';
import type { Clock } from '../kernel/clock.js';
import type { Repository } from '../repository/repository.js';
import type { Leftover } from './leftover.js';
import { type RunRecord, writeRun } from './record.js';

interface Closing {
  readonly repository: Repository;
  readonly clock: Clock;
}

/**
 * Closes the record of a run that succeeded and of the run that it undid, and adds an event to the backup.
 *
 * @returns the closed record
 */
export async function closeForward(
  { repository, clock, changes }: Closing & { readonly changes?: Changes },
  record: RunRecord,
  undone: RunRecord | null,
  left: readonly Leftover[] = [],
): Promise<RunRecord> {
  const now = clock.now();
  const closed: RunRecord = {
    ...record,
    ...leftBehind(left),
    state: 'done',
    step: 'swapped',
    finished_at: now.toISOString(),
    undo_until: record.mode === 'new' ? null : new Date(now.getTime() + record.keep_old_ms).toISOString(),
  };
  // The undone run first: until the other record is written, the next start repeats this.
  if (undone !== null) await writeRun(repository, { ...undone, state: 'undone', undone_by: record.run_id });
  await writeRun(repository, closed);
  changes?.note(record.run_id, {
    changed: 'complete',
    detail: `the ${record.kind} of run ${record.run_id} is complete`,
  });
  if (record.kind === 'restore') await tellBackup(repository, closed, true);
  return closed;
}

/** Closes the record of a run after which everything is as before. */
export async function closeBack(
  { repository, clock }: Closing,
  record: RunRecord,
  state: 'failed' | 'interrupted',
  left: readonly Leftover[] = [],
): Promise<RunRecord> {
  const closed: RunRecord = { ...record, ...leftBehind(left), state, finished_at: clock.now().toISOString() };
  await writeRun(repository, closed);
  if (record.kind === 'restore' && state === 'failed') await tellBackup(repository, closed, false);
  return closed;
}

const leftBehind = (left: readonly Leftover[]): Pick<RunRecord, 'left_behind'> =>
  left.length === 0 ? {} : { left_behind: left };

/** Adds the event to the backup. The run's record does not depend on it, so a backup that was deleted meanwhile is no failure. */
async function tellBackup(repository: Repository, record: RunRecord, ok: boolean): Promise<void> {
  const { run_id: run, finished_at: at, started_at: started, operator: by, backup } = record;
  const target = record.database?.name ?? record.files?.root ?? '';
  const duration_ms = Date.parse(at!) - Date.parse(started);
  const event = { at: at!, by, type: 'restore', run, target, ok, duration_ms, parts: wholeParts(record) } as const;
  await repository.appendEvent(backup, event).catch(() => {});
}

/** Single tables do not verify the rest of a backup. */
function wholeParts({ database, files, tables }: RunRecord): ('database' | 'files')[] {
  return [
    ...(database !== null && tables === undefined ? (['database'] as const) : []),
    ...(files !== null ? (['files'] as const) : []),
  ];
}
