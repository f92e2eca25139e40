import { PotctlError } from '../kernel/errors.js';
import type { Lease, Repository } from '../repository/repository.js';
import { type RunRecord, writeRun } from './record.js';

/** The stored state of the current run. */
export interface Journal {
  readonly record: RunRecord;
  /** Stores a change durably before it returns; `record` has it in any case. @throws E_LOCKED if the repository's lock was lost */
  update(patch: Partial<RunRecord>): Promise<void>;
}

/** Starts a run by storing its record. */
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

/** The form of an error in a record. */
export function recordedError(error: unknown): RunRecord['error'] {
  if (error instanceof PotctlError) return { code: error.code, message: error.message };
  return { code: 'E_BUG', message: error instanceof Error ? error.message : String(error) };
}
