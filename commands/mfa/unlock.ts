import { flag } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import { mfaDeps } from '../mfa-dependencies.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';

/** `potctl mfa unlock`: locks and blocks, and nothing else. */
export const mfaUnlock = actionCommand({
  name: 'mfa unlock',
  summary: "end the lock of the application and potctl's block after refused codes",
  examples: [
    'potctl mfa unlock ana.souza -p prod --reason "typed the old code, checked by call-back"',
    'potctl mfa unlock ana.souza -p prod --reset-consecutive --reason "attack is over, see SEC-77" --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    resetConsecutive: flag('--reset-consecutive', 'also forget refused codes in a row: a hundred lock for good'),
    breakGlass: BREAK_GLASS,
  },

  gate: {
    async prepare({ user, resetConsecutive, breakGlass }, context) {
      const { planUnlock } = await import('../../src/mfa/unlock.js');
      const deps = await mfaDeps(context, { purpose: 'mfa.unlock', change: true, breakGlass });
      return { deps, plan: await planUnlock(deps, user, { resetConsecutive, dryRun: false }) };
    },
    renderPlan: ({ plan }, view) => renderChangePlan(plan, view),
    phrase: ({ plan }) => plan.phrase,
    isAddition: ({ plan }) => !plan.changes,
  },

  async run({ resetConsecutive }, _context, { dryRun, plan: { deps, plan } }) {
    const { unlock } = await import('../../src/mfa/unlock.js');
    return unlock(deps, plan, { resetConsecutive, dryRun });
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render: (result, view) =>
    renderChange(result, view, {
      done: ({ person }) => ['Unlocked', `${person.name} can try codes again`],
      unchanged: ({ person }) => `${person.name} is not locked`,
    }),
});
