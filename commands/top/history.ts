import type { HistoryEntry } from '../../src/journal/history.js';
import { text } from '../cli/parse/options.js';
import { listCommand } from '../command.js';
import { claimsAnother } from '../ui/by-whom.js';
import type { Column } from '../ui/columns.js';

const NONE = '–';

const columns: readonly Column<HistoryEntry>[] = [
  { name: 'seq', align: 'right', text: ({ seq }) => seq, sortKey: ({ seq }) => Number(seq) },
  {
    name: 'at',
    text: ({ at }, _now, format) => format.instant(at),
    machine: ({ at }) => at,
    sortKey: ({ at }) => at,
  },
  // The database authenticated the role. The operator is only claimed, and is shown where it differs; a narrow screen has no room for both.
  { name: 'role', text: ({ db_role }) => db_role, priority: 3 },
  {
    name: 'operator',
    text: (entry) => (claimsAnother(entry) ? entry.operator : entry.db_role),
    machine: ({ operator }) => operator,
    flexible: true,
  },
  { name: 'action', text: ({ action }) => action },
  {
    name: 'target',
    flexible: true,
    text: ({ target }) => target ?? NONE,
    machine: ({ target }) => target ?? '',
    priority: 2,
  },
  { name: 'status', text: ({ status }) => status },
  { name: 'ticket', text: ({ ticket }) => ticket ?? NONE, machine: ({ ticket }) => ticket ?? '', priority: 5 },
  { name: 'reason', flexible: true, text: ({ reason }) => reason, priority: 2 },
  { name: 'run', wide: true, text: ({ run_id }) => run_id ?? NONE, machine: ({ run_id }) => run_id ?? '' },
];

/** `potctl history`: lists the journal, newest first. */
export const history = listCommand({
  name: 'history',
  summary: 'list who did what in this database, and why',
  examples: ['potctl history -p prod --since 7d', 'potctl history -p prod --by maria --json'],
  columns,
  verbatim: ['details'],
  at: ({ at }) => at,
  needs: ['database'],
  input: {
    by: text('--by <name>', 'only entries by this operator or database role'),
    action: text('--action <name>', 'only entries with this action, e.g. potctl.setup'),
    target: text('--target <name>', 'only entries about this target, e.g. 3dpot:ID'),
    runId: text('--run-id <id>', 'only entries of this run'),
  },

  async run({ by, action, target, runId }, { potctl }) {
    const filter = { operator: by ?? null, action: action ?? null, target: target ?? null, runId: runId ?? null };
    return { items: await (await potctl.audit()).history(filter) };
  },
});
