import { PotctlError } from '../kernel/errors.js';
import type { Lease, Repository } from '../repository/repository.js';
import { type RunRecord, writeRun } from './record.js';

/** The stored state of the run that is under way. */
export interface Journal {
  readonly record: RunRecord;
  /** Stores what changes, durably, before the caller goes on; `record` has it in any case. @throws E_LOCKED if the repository's lock was lost */
  update(patch: Partial<RunRecord>): Promise<void>;
}

/** Begins a run by storing it. */
export async function openJournal(repository: Repository, lease: Lease, first: RunRecord): Promise<Journal> {
  let current = first;
  await lease.assertHeld();
  await writeRun(repository, current);
  return {
    get record() {
      return current;
    },
    async update(patch) {
      current = { ...current, ...patch };
      await lease.assertHeld();
      await writeRun(repository, current);
    },
  };
}

/** What a record keeps of an error. */
export function recordedError(error: unknown): RunRecord['error'] {
  if (error instanceof PotctlError) return { code: error.code, message: error.message };
  return { code: 'E_BUG', message: error instanceof Error ? error.message : String(error) };
}
