import { advice } from '../../src/kernel/next.js';
import { actionCommand } from '../command.js';
import { BREAK_GLASS, CODE_FORM, CODE_STDIN, CODES_TO, TRUST_CLOCK, USER } from './shared/flags.js';
import { changeReason, codesPlace, handedOut, readCode } from './shared/input.js';

/** `potctl mfa confirm`: the first code proves that the app works, so there is no further confirmation. */
export const mfaConfirm = actionCommand({
  name: 'mfa confirm',
  summary: 'enable a new second factor; show backup codes once',
  examples: [
    'potctl mfa confirm ana.souza -p prod --reason "new phone, in person"',
    'potctl mfa confirm ana.souza -p prod --reason "new phone, by video call" --code-stdin --codes-to ./codes.txt',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    codeStdin: CODE_STDIN,
    codesTo: CODES_TO,
    codeForm: CODE_FORM,
    trustClock: TRUST_CLOCK,
    breakGlass: BREAK_GLASS,
  },

  async prepare({ user, codeStdin, codesTo, codeForm: form, trustClock, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.confirm({
      ...{ user, form, trustClock, breakGlass, reason },
      place: (about) => codesPlace(context, codesTo, about),
      code: () => readCode(context, codeStdin, 'Code shown in the app now'),
    });
  },

  changed: ({ changed }) => changed,
  done: ({ person, journal_seq: seq }) => `the second factor of ${person.name} is enabled (journal ${seq})`,
  render({ person, changed, state, codes_to: to, codes_use: use, journal_seq: seq, warnings }, view) {
    if (changed)
      view.note(`${view.paint('good', 'Enabled')}: ${person.name} signs in with the app from now on. Journal ${seq}.`);
    else if (state === 'enabled')
      view.note(`Nothing to change: the second factor of ${person.name} is already enabled.`);
    else view.note(`Dry run: nothing was changed. A correct code would enable the second factor of ${person.name}.`);
    if (to !== null) view.note(`${handedOut(to)}: ${use}`);
    for (const text of warnings) view.note(advice`${view.paint('warn', '!')} ${text}`);
  },
});
