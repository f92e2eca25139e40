import { flag } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';
import { changeReason } from './shared/input.js';

/** `potctl mfa unlock`: removes locks and blocks; the second factor itself is not changed. */
export const mfaUnlock = actionCommand({
  name: 'mfa unlock',
  summary: 'unlock a user after too many rejected codes',
  examples: [
    'potctl mfa unlock ana.souza -p prod --reason "typed the old code, checked by call-back"',
    'potctl mfa unlock ana.souza -p prod --reset-consecutive --reason "attack is over, see SEC-77" --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    resetConsecutive: flag(
      '--reset-consecutive',
      'also reset the count of consecutive rejected codes (100 of them lock permanently)',
    ),
    breakGlass: BREAK_GLASS,
  },

  async prepare({ user, resetConsecutive, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.unlock({ user, resetConsecutive, breakGlass, reason });
  },

  gate: {
    renderPlan: renderChangePlan,
    phrase: ({ phrase }) => phrase,
    typed: 'the user name',
    isAddition: ({ changes }) => !changes,
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render: (result, view) =>
    renderChange(result, view, {
      done: ({ person }) => ['Unlocked', `${person.name} can try codes again`],
      unchanged: ({ person }) => `${person.name} is not locked`,
    }),
});
