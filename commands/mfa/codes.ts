import { actionCommand } from '../command.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, CODE_FORM, CODES_TO, USER } from './shared/flags.js';
import { changeReason, codesPlace, handedOut } from './shared/input.js';

/** `potctl mfa codes`: new backup codes; the old ones stop working in the same statement. */
export const mfaCodes = actionCommand({
  name: 'mfa codes',
  summary: 'create new backup codes; show them once',
  examples: [
    'potctl mfa codes ana.souza -p prod --reason "sheet with codes was lost" --ticket SUP-4813',
    'potctl mfa codes ana.souza -p prod --reason "sheet with codes was lost" --codes-to ./codes.txt --confirm ana.souza',
  ],
  atomic: true,
  needs: ['database'],
  input: { user: USER, codesTo: CODES_TO, codeForm: CODE_FORM, breakGlass: BREAK_GLASS },

  async prepare({ user, codesTo, codeForm: form, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.codes({ user, form, breakGlass, reason, place: (about) => codesPlace(context, codesTo, about) });
  },

  gate: {
    renderPlan: renderChangePlan,
    phrase: ({ phrase }) => phrase,
    typed: 'the user name',
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render(result, view) {
    renderChange(result, view, {
      done: ({ person, codes_left: count }) => [
        'Replaced',
        `${person.name} has ${count} new backup codes; the old ones no longer work`,
      ],
    });
    if (result.changed) view.note(`${handedOut(result.codes_to)}: ${result.codes_use}`);
  },
});
