import { itemCommand } from '../command.js';
import { RESTORE_FLAGS } from '../restore-flags.js';
import { renderRestorePlan } from '../ui/restore-plan.js';

/** `potctl restore plan`: the screen that `restore run` shows before it asks. */
export const restorePlan = itemCommand({
  name: 'restore plan',
  summary: 'what a restore would do, cost and lose, and what stands in its way',
  examples: [
    'potctl restore plan latest -p prod',
    'potctl restore plan 7f3a --only db --repository /var/backups/potctl',
    'potctl restore plan --mode new --into app_yesterday -p prod',
  ],
  input: RESTORE_FLAGS,

  async run(wishes, context) {
    const { planRestore } = await import('../../src/restore/plan/plan-restore.js');
    const { restoreRequest } = await import('../../src/restore/requests.js');
    const { occasionOf, restoreDeps } = await import('../restore-dependencies.js');
    const request = restoreRequest(await context.settings(), wishes, occasionOf(context, true));
    return planRestore(await restoreDeps(context, request.only !== 'files'), request);
  },

  render(plan, view) {
    renderRestorePlan(plan, view);
    view.note('Nothing was changed.');
    if (plan.blocking.length === 0) view.note(`To do it:  potctl restore run ${plan.backup.id}`);
  },
  exitCode: ({ exit }) => exit,
});
