import type { PruneResult } from '../../src/backup/prune.js';
import type { Decided, PrunePlan } from '../../src/backup/prune-plan.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import type { Prepared } from '../../src/kernel/prepared.js';
import type { OldPlan } from '../../src/restore/previous/plan.js';
import type { OldRemoved } from '../../src/restore/previous/remove.js';
import { flag, list, optionalArgument, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { KEEP_FLAGS } from './shared/keep-flags.js';
import { asksForPrevious } from './shared/previous-databases.js';
import { renderOldPlan, renderOldRemoved } from './shared/previous-screen.js';

const input = {
  id: optionalArgument('[id]', 'remove this one backup, by its id or a unique part of it'),
  ...KEEP_FLAGS,
  fromSet: text('--from-series <name>', "prune this series (default: this profile's or database's series)"),
  allSets: flag('--all-series', 'apply the policy to every series, each on its own'),
  oldDatabases: flag(
    '--old-databases',
    'instead of backups, remove previous databases and files kept by restores whose undo period is over; lists them first',
  ),
  run: list('--run <run>', 'with --old-databases: remove what this restore run kept, even within its undo period'),
};

/** `potctl backup prune`: shows the decision and its reason for each backup first; needs no server. */
export const backupPrune = actionCommand({
  name: 'backup prune',
  summary: 'remove old backups, one backup, or previous databases',
  examples: [
    'potctl backup prune -p prod --dry-run',
    'potctl backup prune --keep-last 3 --keep-daily 7 --keep-weekly 4 --repository ./backups',
    'potctl backup prune 7f3a -p prod',
    'potctl backup prune --old-databases -p prod',
    'potctl backup prune --retention-days 30 --all-series --confirm backups --repository ./backups',
  ],
  needs: ['database', 'repository', 'files'],
  input,

  async prepare(options, { potctl }): Promise<Prepared<PrunePlan | OldPlan, PruneResult | OldRemoved>> {
    if (!asksForPrevious(options)) return (await potctl.backup()).prune(options);
    return (await potctl.restore()).removePrevious({ runs: options.run, everywhere: options.allSets });
  },

  gate: {
    renderPlan: (plan, view) => ('freedBytes' in plan ? renderOldPlan(plan, view) : renderPlan(plan, view)),
    phrase: ({ confirm }) => confirm,
    typed: 'the name of the profile, database or repository in the plan',
    isAddition: (plan) => ('freedBytes' in plan ? plan.remove.length === 0 : plan.severe === null),
  },

  render(result, view) {
    if ('removed' in result) return renderOldRemoved(result, view);
    const { state, remove, refused, failed, keep, freed_bytes } = result;
    const size = view.bytes(freed_bytes);
    if (state === 'planned') view.note('Nothing was changed: this was a dry run.');
    else if (remove.length === 0) view.note(`No backups to remove; ${keep.length} kept.`);
    else view.note(`Removed ${remove.length}, kept ${keep.length}; ${size} freed.`);
    const stuck = refused.slice(0, failed).map(({ id, reasons }) => `${id}: ${reasons.at(-1)}`);
    for (const line of stuck) view.note(`${view.paint('warn', 'Warning')}: could not remove ${line}`);
    for (const { id } of remove) view.line(id);
  },
  changed: (result) => ('removed' in result ? result.removed : result.remove).length > 0,
  exitCode: ({ failed }) => (failed > 0 ? ExitCode.partial : ExitCode.ok),
});

function renderPlan({ sets, keep, remove, refused, freed_bytes, severe }: PrunePlan, view: View): void {
  const rows = [
    ...keep.map((backup) => ({ backup, decision: 'keep' })),
    ...remove.map((backup) => ({ backup, decision: 'REMOVE' })),
    ...refused.map((backup) => ({ backup, decision: 'keep' })),
  ].sort((a, b) => (a.backup.created_at < b.backup.created_at ? 1 : -1));
  view.heading(`PRUNE   ${sets.join(', ')}`);
  const table = rows.map(({ backup, decision }) => rowOf(backup, decision, view));
  table.unshift(['ID', 'TAKEN', 'SIZE', 'DECISION', 'REASON']);
  // The id begins with the time.
  const [header = [], ...shown] = view.width < 80 ? table.map(([id, _taken, ...more]) => [id!, ...more]) : table;
  view.table(header, shown);
  view.line(`${remove.length} of ${rows.length} would be removed: ${view.bytes(freed_bytes)}.`);
  if (severe !== null) view.line(severe);
}

function rowOf({ id, created_at, bytes, reasons }: Decided, decision: string, view: View): string[] {
  return [id, view.instant(created_at), bytes === null ? '–' : view.bytes(bytes), decision, reasons.join('; ')];
}
