import type { RunRecord } from '../../src/runs/record.js';

/** A restore of files alone that came to its end. */
export function finishedRun(change: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ schema: 'potctl.restore', schema_version: '1.0', run_id: 'r1', trace_id: '0', operator: 'tester@here' },
    ...{ hostname: 'here', kind: 'restore', mode: 'swap', set: 'profile:prod', backup: '20261122T095106Z-7f3a9c' },
    ...{ undoes: null, undone_by: null, state: 'done', step: 'swapped', started_at: '2026-11-22T09:51:06.000Z' },
    ...{ finished_at: '2026-11-22T09:52:00.000Z', keep_old_ms: 3_600_000, undo_until: '2026-11-22T10:52:00.000Z' },
    ...{ database: null, files: null, created_roles: [], writers_stopped: false, restored: null, phases: [] },
    ...{ downtime_ms: null, source_bytes: 0, written: null, error: null },
    ...change,
  };
}
