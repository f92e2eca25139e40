import type { Journal } from '../../runs/journal.js';
import type { RestoreDeps } from '../deps.js';
import type { Phases } from '../phases.js';
import type { PreparedTables } from './prepare.js';
import type { TablesRequest } from './request.js';

/** A restore of single tables in progress. */
export interface RunningTables {
  readonly deps: RestoreDeps;
  readonly request: TablesRequest;
  readonly prepared: PreparedTables;
  readonly journal: Journal;
  readonly phases: Phases;
}
