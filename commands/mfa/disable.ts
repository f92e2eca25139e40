import { text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';
import { changeReason } from './shared/input.js';

/** `potctl mfa disable`: turns the second factor off and removes its secret and backup codes. */
export const mfaDisable = actionCommand({
  name: 'mfa disable',
  summary: "turn off a user's second factor; sessions stay open",
  examples: [
    'potctl mfa disable ana.souza -p prod --reason "moved to single sign-on" --ticket SUP-4812',
    'potctl mfa disable ana.souza -p prod --reason "lost one of two factors" --factor 5b1f7a52-0d1c-4a8e-9a52-0d7e1f3c2b11 --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    factor: text('--factor <id>', 'disable only this factor (for users with several)'),
    breakGlass: BREAK_GLASS,
  },

  async prepare({ user, factor, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.disable({ user, factor, breakGlass, reason });
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
      done: ({ person, state }) =>
        state === 'enabled'
          ? ['Turned off', `one factor of ${person.name}; another one is still enabled`]
          : ['Turned off', `${person.name} now signs in without a second factor; open sessions stay open`],
      unchanged: ({ person }) => `${person.name} has no second factor`,
    }),
});
