import type { SetupPlan, SetupResult } from '../../src/journal/setup.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { Prepared } from '../../src/kernel/prepared.js';
import { choice, flag, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';

/** `potctl setup`: the only command that installs anything in the database. It shows its SQL before it asks. */
export const setup = actionCommand({
  name: 'setup',
  summary: 'install or upgrade the potctl schema (the change journal)',
  examples: [
    'potctl setup --dry-run -p prod',
    'potctl setup -p prod --yes --reason "journal for support, CHG-118"',
    'potctl setup --guard-writes -p prod',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    application: choice('--application <name>', 'native: also install the tables of the reference application', [
      'native',
    ]),
    guardWrites: flag(
      '--guard-writes',
      "also add triggers to the application's tables, so that a support login cannot change a secret or code without a journal entry",
    ),
    reason: text('--reason <text>', 'reason, recorded in the journal'),
    ticket: text('--ticket <id>', 'ticket, recorded in the journal'),
  },

  async prepare({ application = null, guardWrites }, { potctl, live }): Promise<Prepared<SetupPlan, SetupResult>> {
    const prepared = await (await potctl.setup()).install({ application, guardWrites });
    const dryRun = (): Promise<SetupResult> => {
      // For review: it can be redirected to a file.
      for (const line of sqlOf(prepared.plan)) live.raw(line);
      return prepared.dryRun();
    };
    return { ...prepared, dryRun };
  },

  gate: {
    mild: true,
    renderPlan,
    phrase: ({ database }) => database,
    typed: 'the database name',
    isAddition: ({ scripts }) => scripts.length === 0,
  },

  changed: ({ state }) => state === 'done',
  done: ({ database, version }) => `the potctl schema ${version} is installed in ${database}`,
  render({ state, database, version, installed }, view) {
    if (state === 'planned') return view.note('Nothing was changed: this was a dry run.');
    if (state === 'unchanged') return view.note(`${database} already has the potctl schema ${version}.`);
    view.note(
      advice`${view.paint('good', 'Installed')}: potctl schema ${version} in ${database}. To read the journal:  ${potctl('history')}`,
    );
    if (installed !== null)
      view.note(
        advice`Roles created for an earlier version lack privileges. To grant them:  ${potctl('grants', 'sql', '--role', 'support')}`,
      );
  },
});

function renderPlan(plan: SetupPlan, view: View, unasked: boolean): void {
  const { database, role, installed, wanted, critical, scripts } = plan;
  if (scripts.length === 0) return;
  const from = installed === null ? 'nothing is installed yet' : `version ${installed} is installed`;
  view.heading(`SETUP   potctl schema ${wanted} in ${database}, as ${role}; ${from}`);
  if (critical !== null) view.line(`${view.paint('bad', 'CRITICAL')}: ${critical}. This replaces it.`);
  if (unasked) return;
  for (const line of sqlOf(plan)) view.raw(line);
  view.line(
    'Runs in one transaction. To uninstall: DROP SCHEMA potctl CASCADE; (also potctl_app if installed). This also drops the triggers.',
  );
}

/** Returns the SQL in one transaction, so that pasting it never leaves a half-upgraded, less protected schema visible. */
const sqlOf = ({ scripts }: SetupPlan): string[] =>
  scripts.length === 0 ? [] : ['BEGIN;', ...scripts, 'COMMIT;'].flatMap((sql) => sql.trimEnd().split('\n'));
