import { PotctlError } from '../../kernel/errors.js';
import type { RunRecord } from '../../runs/record.js';

/**
 * The run to undo: the requested one, or the newest one of the series that can be undone. Pure.
 *
 * @param swapped ids of runs that were killed after their swap: they are finished before they are undone
 * @param wanted a run's id or a unique prefix of it; null = the newest
 * @throws E_RUN_NOT_FOUND, E_REFUSED (it cannot be undone)
 */
export function chooseRun(
  runs: readonly RunRecord[],
  swapped: readonly string[],
  wanted: string | null,
  sets: readonly string[],
): RunRecord {
  const isUndoable = ({ run_id, state, mode, old_removed_at }: RunRecord): boolean =>
    mode === 'swap' &&
    old_removed_at === undefined &&
    (state === 'done' || (state === 'running' && swapped.includes(run_id)));
  if (wanted === null) {
    const newest = runs.filter((run) => sets.includes(run.set) && isUndoable(run)).at(-1);
    if (newest !== undefined) return newest;
    throw new PotctlError('E_RUN_NOT_FOUND', 'no restore can be undone', { why: { sets } });
  }
  const matches = runs.filter(({ run_id }) => run_id.startsWith(wanted));
  const [only, ...others] = matches
    .filter(({ run_id }) => run_id === wanted)
    .concat(matches)
    .slice(0, matches.length);
  if (only === undefined) throw new PotctlError('E_RUN_NOT_FOUND', `restore run '${wanted}' not found`);
  if (only.run_id !== wanted && others.length > 0) {
    const why = matches.map(({ run_id }) => run_id).join(', ');
    throw new PotctlError('E_RUN_NOT_FOUND', `'${wanted}' matches ${matches.length} runs`, { why });
  }
  if (isUndoable(only)) return only;
  throw new PotctlError('E_REFUSED', `run '${only.run_id}' cannot be undone`, { why: whyNot(only) });
}

function whyNot({ state, mode, undone_by: by, database, old_removed_at: removed, tables }: RunRecord): string {
  if (removed !== undefined) return `its previous data was removed at ${removed}`;
  if (tables !== undefined) return `it replaced nothing; its tables are in the schema "${tables.schema}"`;
  if (mode === 'new')
    return `it replaced nothing; remove what it created${database ? ` ("${database.name}")` : ''} by hand`;
  if (state === 'undone') return `it was undone by ${by}`;
  if (state === 'running') return 'it is still running, or was killed before the swap';
  return `it ${state === 'failed' ? 'failed' : 'was interrupted'} and changed nothing`;
}
