import { itemCommand } from '../command.js';
import { RESTORE_FLAGS } from './shared/flags.js';
import { renderRestorePlan } from './shared/plan-screen.js';
import { renderTablesPlan } from './shared/tables-screen.js';

/** `potctl restore plan`: the same plan that `restore run` shows before it asks for confirmation. */
export const restorePlan = itemCommand({
  name: 'restore plan',
  summary: 'show what a restore would do and what would be lost',
  examples: [
    'potctl restore plan latest -p prod',
    'potctl restore plan 7f3a --only db --repository /var/backups/potctl',
    'potctl restore plan --mode new --into app_yesterday -p prod',
  ],
  needs: ['database', 'repository', 'files'],
  input: RESTORE_FLAGS,

  async run(options, { potctl }) {
    return (await potctl.restore()).plan(options);
  },

  render(plan, view) {
    if (plan.mode === 'tables') renderTablesPlan(plan, null, view);
    else renderRestorePlan(plan, null, view);
    view.note('Nothing was changed.');
    if (plan.blocking.length > 0) return;
    view.note(`To restore it:  ${view.again('restore run', plan.backup.id)}`);
  },
  exitCode: ({ exit }) => exit,
});
