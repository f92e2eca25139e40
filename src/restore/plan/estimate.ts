import type { RunRecord } from '../../runs/record.js';

/**
 * How long a restore will take, from the newest finished one of the set, scaled by size; null if there was none. Pure.
 *
 * @param sourceBytes what the backup took at its source
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
