import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { UndoPlan } from '../../src/restore/plan/prepare-undo.js';
import { OLD_BACKUPS } from '../cli/parse/old-backups.js';
import { optionalArgument } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { SWAP_FLAGS } from './shared/flags.js';
import {
  environmentBadge,
  hookPairs,
  NO_JOURNAL,
  renderFindings,
  renderLoss,
  undoPairs,
} from './shared/plan-screen.js';

/** `potctl restore undo`: swaps the previous database and files back in. */
export const restoreUndo = actionCommand({
  name: 'restore undo',
  summary: 'undo a restore by swapping back what it replaced',
  examples: [
    'potctl restore undo -p prod',
    'potctl restore undo 5t2m8q3f7k --confirm app --repository ./backups',
    'potctl restore undo --files ./storage --repository ./backups --confirm app',
  ],
  needs: ['database', 'repository', 'files'],
  input: {
    run: optionalArgument('[run]', 'id of the run or a unique prefix; default: the newest run that can be undone'),
    ...OLD_BACKUPS,
    ...SWAP_FLAGS,
  },

  async prepare(options, { potctl }) {
    return (await potctl.restore()).undo(options);
  },

  gate: {
    renderPlan: renderUndoPlan,
    phrase: ({ confirm }) => confirm,
    typed: 'the database name (or directory name, if only files)',
  },

  render(result, view) {
    if (result.state === 'planned') {
      view.note('Nothing was changed: this was a dry run.');
      return;
    }
    const { runId, undone, database, directory, oldDatabase, undoUntil, downtimeMs, warnings } = result;
    const places = [database, directory].filter((place) => place !== null).join(' and ');
    view.note(`${view.paint('good', 'Undone')}: run ${undone}. What it replaced is live again: ${places}.`);
    if (downtimeMs !== null) view.note(`  Connections were refused for ${view.duration(downtimeMs)}.`);
    if (oldDatabase !== null) view.note(`  Previous database kept as ${oldDatabase}.`);
    for (const warning of warnings) view.note(advice`${view.paint('warn', 'Warning')}: ${warning}`);
    if (result.journalRemoved) view.note(NO_JOURNAL);
    if (undoUntil !== null)
      view.note(advice`To undo this (until ${view.time(undoUntil)}):  ${potctl('restore', 'undo', runId)}`);
    view.line(runId);
  },
  exitCode: ({ warnings }) => (warnings.length > 0 ? ExitCode.partial : ExitCode.ok),
});

function renderUndoPlan(plan: UndoPlan, view: View): void {
  const { database, files, environment } = plan;
  view.heading(`UNDO PLAN   run ${plan.runId}`);
  view.fields([
    ['Undoes', `${plan.undoes}   ended ${view.time(plan.ranAt)}, backup ${plan.backup}`],
    ...(database === null ? [] : databasePairs(database, environment, view)),
    ...(files === null
      ? []
      : ([
          [
            'Directory',
            `${files.root}   ${counted(files.entries, 'entry')} at the top level ${verb(files.entries, 'is', 'are')} kept`,
          ],
        ] as const)),
    ...hookPairs(plan.hooks),
    ...undoPairs(plan, view),
  ]);
  if (database?.loss) renderLoss('Since the restore', database.loss, view);
  renderFindings(plan.blocking, plan.warnings, view);
}

function databasePairs(
  database: NonNullable<UndoPlan['database']>,
  environment: UndoPlan['environment'],
  view: View,
): [string, string][] {
  const { name, host, port, systemIdentifier, comesBack, keptAs, writtenSince } = database;
  const written = writtenSince === null ? 'unknown number of rows' : counted(writtenSince, 'row');
  return [
    [
      'Database',
      `${environmentBadge(environment, view)}${name} @ ${host}:${port}   system ${systemIdentifier ?? 'unknown'}`,
    ],
    [
      'Back',
      comesBack === null ? `${name} did not exist before: it is moved away` : `${comesBack} becomes ${name} again`,
    ],
    [
      'Written',
      `${written} inserted, updated or deleted since that run, kept${keptAs === null ? '' : ` in ${keptAs}`}`,
    ],
  ];
}
