import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { RestoreResult } from '../../src/restore/run.js';
import type { TablesResult } from '../../src/restore/tables/run.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { RESTORE_FLAGS } from './shared/flags.js';
import { contentText, NO_JOURNAL, renderRestorePlan } from './shared/plan-screen.js';
import { renderLeftOut, renderTablesPlan } from './shared/tables-screen.js';

/** `potctl restore run`: restores into a staging database, verifies it, then swaps it in. */
export const restoreRun = actionCommand({
  name: 'restore run',
  summary: 'restore a backup and keep the previous database for undo',
  examples: [
    'potctl restore run latest -p prod',
    'potctl restore run latest --files ./storage --repository ./backups --confirm app',
    'potctl restore run 7f3a --mode new --into app_yesterday -p prod',
    'potctl restore run 7f3a --tables users --into-schema found -p prod',
    'potctl restore run 20261122_095046 --backup-dir /var/backups/3dpot -p prod',
  ],
  needs: ['database', 'repository', 'files'],
  input: RESTORE_FLAGS,

  async prepare(options, { potctl }) {
    return (await potctl.restore()).run(options);
  },

  gate: {
    renderPlan: (plan, view) =>
      plan.mode === 'tables' ? renderTablesPlan(plan, plan.runId, view) : renderRestorePlan(plan, plan.runId, view),
    phrase: ({ confirm }) => confirm,
    typed: 'the database name (with --only files: the directory name)',
    isAddition: ({ mode }) => mode !== 'swap',
  },

  render(result, view) {
    if (result.state === 'planned') {
      view.note('Nothing was changed: this was a dry run.');
      return;
    }
    if (result.mode === 'tables') renderTables(result, view);
    else renderOutcome(result, view);
    view.line(result.runId);
  },
  // For single tables the plan has already shown these warnings.
  exitCode: ({ mode, warnings }) => (mode !== 'tables' && warnings.length > 0 ? ExitCode.partial : ExitCode.ok),
});

function renderOutcome(result: RestoreResult, view: View): void {
  const { runId, backup, mode, restored, database, directory, checks, oldDatabase, undoUntil, downtimeMs } = result;
  const places = [database, directory].filter((place) => place !== null).join(' and ');
  view.note(`${view.paint('good', 'Restored')} ${backup} into ${places}.`);
  if (checks !== null) {
    const uncounted =
      checks.notCompared > 0
        ? `; ${counted(checks.notCompared, 'table')} ${verb(checks.notCompared, 'has', 'have')} no count in the backup`
        : '';
    const found = contentText(restored);
    const isEqual = result.accepted.length === 0;
    view.note(
      `  ${found}${isEqual ? ', equal to the manifest' : ', except for the accepted differences'}${uncounted}.`,
    );
  }
  for (const { name } of result.accepted) view.note(`  Accepted: ${name}`);
  if (directory !== null)
    view.note(
      `  ${counted(restored.files, 'file')} ${result.lost.length > 0 ? 'with the content of the backup' : 'equal to the backup'}.`,
    );
  if (downtimeMs !== null && mode === 'swap') view.note(`  Connections were refused for ${view.duration(downtimeMs)}.`);
  if (result.safetyBackup !== null) view.note(`  Safety backup of the previous state: ${result.safetyBackup}.`);
  if (oldDatabase !== null) view.note(`  Previous database kept as ${oldDatabase}.`);
  for (const warning of result.warnings) view.note(advice`${view.paint('warn', 'Warning')}: ${warning}`);
  if (result.recordsIn !== null) view.note(`  The record of this run is in ${result.recordsIn}.`);
  if (result.journalRemoved) view.note(NO_JOURNAL);
  if (undoUntil !== null)
    view.note(advice`To undo it (until ${view.time(undoUntil)}):  ${potctl('restore', 'undo', runId)}`);
}

function renderTables(result: TablesResult, view: View): void {
  const { backup, database, schema, restored, tables, leftOut, warnings } = result;
  const names = tables.map(({ table }) => table).join(', ');
  view.note(`${view.paint('good', 'Restored')} ${names} from ${backup} into schema ${schema} of ${database}.`);
  const uncounted =
    restored.notCompared > 0
      ? `; ${counted(restored.notCompared, 'table')} ${verb(restored.notCompared, 'has', 'have')} no count in the backup`
      : '';
  view.note(`  ${counted(restored.rows, 'row')}, equal to the manifest${uncounted}.`);
  renderLeftOut(leftOut, { ...view, line: (text = '') => view.note(text) });
  for (const warning of warnings) view.note(advice`! ${warning}`);
}
