import type { RunRecord } from '../../runs/record.js';

/**
 * Estimates the duration of a restore from the newest finished one of the series, scaled by size; null if there is none. Pure.
 *
 * @param sourceBytes the size of the backed-up data at its source
 */
export function estimateMs(runs: readonly RunRecord[], set: string, sourceBytes: number): number | null {
  const earlier = runs.filter(
    ({ kind, set: other, state, source_bytes, tables }) =>
      kind === 'restore' &&
      tables === undefined &&
      other === set &&
      (state === 'done' || state === 'undone') &&
      source_bytes > 0,
  );
  const last = earlier.at(-1);
  if (last === undefined) return null;
  const took = last.phases.reduce((sum, { ms }) => sum + ms, 0);
  return Math.round((took * sourceBytes) / last.source_bytes);
}
