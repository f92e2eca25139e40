import type { SetupPlan } from '../../src/journal/setup.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { choice, flag, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';

/** `potctl setup`: the only thing that installs anything in the database; it shows its SQL first. */
export const setup = actionCommand({
  name: 'setup',
  summary: 'install the schema potctl, with the journal and what it remembers; shows its SQL first',
  examples: [
    'potctl setup --dry-run -p prod',
    'potctl setup -p prod --yes --reason "journal for support, CHG-118"',
    'potctl setup --guard-writes -p prod',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    application: choice('--application <name>', 'native: also the tables of the reference application (potctl_app)', [
      'native',
    ]),
    guardWrites: flag(
      '--guard-writes',
      "also put triggers on the application's tables: a support login changes no secret or code without the journal",
    ),
    reason: text('--reason <text>', 'why, for the journal'),
    ticket: text('--ticket <id>', 'ticket, for the journal'),
  },

  async prepare({ application = null, guardWrites }, { potctl }) {
    return (await potctl.setup()).install({ application, guardWrites });
  },

  gate: {
    mild: true,
    renderPlan,
    phrase: ({ database }) => database,
    isAddition: ({ scripts }) => scripts.length === 0,
  },

  changed: ({ state }) => state === 'done',
  done: ({ database, version }) => `the schema potctl ${version} is installed in ${database}`,
  render({ state, database, version, installed }, view) {
    if (state === 'planned') return view.note('Nothing was changed: this was a dry run.');
    if (state === 'unchanged') return view.note(`${database} has the schema potctl ${version} already.`);
    view.note(
      advice`${view.paint('good', 'Installed')}: schema potctl ${version} in ${database}. It can be read:  ${potctl('history')}`,
    );
    if (installed !== null)
      view.note(advice`Roles of an earlier version lack rights:  ${potctl('grants', 'sql', '--role', 'support')}`);
  },
});

function renderPlan({ database, role, installed, wanted, critical, scripts }: SetupPlan, view: View): void {
  if (scripts.length === 0) return;
  const from = installed === null ? 'nothing is installed yet' : `version ${installed} is installed`;
  view.heading(`SETUP   schema potctl ${wanted} in ${database}, as ${role}; ${from}`);
  if (critical !== null) view.line(`${view.paint('bad', 'CRITICAL')}: ${critical}. This replaces it.`);
  // Whoever pastes it must not leave what an older version made open, not even for a moment.
  for (const sql of ['BEGIN;', ...scripts, 'COMMIT;']) for (const line of sql.trimEnd().split('\n')) view.line(line);
  view.line(
    'All of it in one transaction. To take it back: DROP SCHEMA potctl CASCADE; (and potctl_app); triggers go with it',
  );
}
