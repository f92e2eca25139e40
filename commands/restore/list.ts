import { advice, potctl } from '../../src/kernel/next.js';
import type { ListedRun } from '../../src/restore/list.js';
import { OLD_BACKUPS } from '../cli/parse/old-backups.js';
import { listCommand } from '../command.js';
import type { Column } from '../ui/columns.js';
import type { Formats } from '../ui/view.js';

const NONE = '–';
const NOT_CHECKED = '(?)';

const columns: readonly Column<ListedRun>[] = [
  { name: 'run', text: ({ run_id }) => run_id },
  {
    name: 'started',
    priority: 3,
    text: ({ started_at }, _now, format) => format.instant(started_at),
    machine: ({ started_at }) => started_at,
    sortKey: ({ started_at }) => started_at,
  },
  { name: 'kind', text: ({ kind, mode }) => (mode === 'new' ? `${kind} (new)` : kind) },
  { name: 'backup', text: ({ backup }) => backup, priority: 4 },
  {
    name: 'target',
    flexible: true,
    text: ({ database, directory, into_schema: schema }) =>
      [schema === null ? database : `${database} schema ${schema}`, directory]
        .filter((place) => place !== null)
        .join(', '),
  },
  { name: 'state', text: stateText, machine: ({ state }) => state },
  {
    name: 'duration',
    priority: 5,
    align: 'right',
    text: ({ duration_ms }, _now, format) => (duration_ms === null ? NONE : format.duration(duration_ms)),
    machine: ({ duration_ms }) => String(duration_ms ?? ''),
    sortKey: ({ duration_ms }) => duration_ms ?? -1,
  },
  {
    name: 'undo-until',
    text: undoText,
    machine: ({ undo, undo_until }) => (undo === 'possible' || undo === 'unknown' ? (undo_until ?? '') : (undo ?? '')),
  },
  { name: 'old-database', wide: true, text: ({ old_database }) => old_database ?? NONE },
  {
    name: 'downtime',
    wide: true,
    align: 'right',
    text: ({ downtime_ms }, _now, format) => (downtime_ms === null ? NONE : format.duration(downtime_ms)),
    machine: ({ downtime_ms }) => String(downtime_ms ?? ''),
  },
  { name: 'series', wide: true, text: ({ set }) => set },
  { name: 'operator', wide: true, text: ({ operator }) => operator },
];

/** `potctl restore list`: newest first. Asks the server whether undo is possible, but also works without it. */
export const restoreList = listCommand({
  name: 'restore list',
  summary: 'list restores and undos, and how long each can be undone',
  examples: ['potctl restore list -p prod', 'potctl restore list --repository ./backups --json'],
  columns,
  at: ({ started_at }) => started_at,
  needs: ['database', 'repository', 'files'],
  input: OLD_BACKUPS,

  async run(from, { potctl: engine }) {
    const items = await (await engine.restore()).list(from);
    const undoable = items.find(({ undo }) => undo === 'possible');
    const unsettled = items.filter(({ state, settled }) => state === 'interrupted' && !settled);
    const footer = [
      ...(items.some(({ undo }) => undo === 'unknown')
        ? [`${NOT_CHECKED} Whether undo is possible could not be checked.`]
        : []),
      ...unsettled.map(
        ({ run_id }) => `Run ${run_id} was interrupted; the next restore, undo or create cleans up after it.`,
      ),
      ...(undoable === undefined ? [] : [advice`To undo one:  ${potctl('restore', 'undo', undoable.run_id)}`]),
    ];
    return { items, footer };
  },
});

function stateText({ state, settled, undone_by, error }: ListedRun): string {
  if (state === 'interrupted' && !settled) return 'interrupted, not cleaned up';
  if (state === 'undone' && undone_by !== null) return `undone by ${undone_by}`;
  return state === 'failed' && error !== null ? `failed ${error.code}` : state;
}

function undoText({ undo, undo_until }: ListedRun, now: Date, format: Formats): string {
  if (undo === null) return NONE;
  if (undo === 'gone' || undo_until === null) return undo;
  const isOver = Date.parse(undo_until) < now.getTime();
  if (isOver) return undo === 'possible' ? 'still possible' : 'expired';
  // Without seconds, so that the table fits on a narrow screen.
  const until = format.instant(undo_until).replace(/:\d\d(?=Z|[+-]\d\d:\d\d$)/, '');
  return undo === 'possible' ? until : `${until} ${NOT_CHECKED}`;
}
