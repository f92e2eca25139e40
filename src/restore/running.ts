import type { Journal } from '../runs/journal.js';
import type { RestoreDeps, RestoreRequest } from './deps.js';
import type { Phases } from './phases.js';
import type { PreparedRestore } from './plan/prepare.js';

/** A restore in progress. */
export interface RunningRestore {
  readonly deps: RestoreDeps;
  readonly request: RestoreRequest;
  readonly prepared: PreparedRestore;
  readonly journal: Journal;
  readonly assertHeld: () => Promise<void>;
  readonly phases: Phases;
  readonly safetyBackup: string | null;
}
