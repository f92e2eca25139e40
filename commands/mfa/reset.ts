import { advice, potctl } from '../../src/kernel/next.js';
import { personWord } from '../cli/parse/shell.js';
import { actionCommand } from '../command.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';
import { changeReason } from './shared/input.js';

/** `potctl mfa reset`: removes a lost second factor so that the user can enroll again. */
export const mfaReset = actionCommand({
  name: 'mfa reset',
  summary: "remove a lost second factor and end that user's sessions",
  examples: [
    'potctl mfa reset ana.souza -p prod --reason "lost phone, called back at the number on file" --ticket SUP-4812',
    'potctl mfa reset ana@example.com -p prod --reason "lost phone, in person with ID" --confirm ana.souza --json',
  ],
  atomic: true,
  needs: ['database'],
  input: { user: USER, breakGlass: BREAK_GLASS },

  async prepare({ user, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.reset({ user, breakGlass, reason });
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
      done({ person, sessions_ended: ended }) {
        const sessions = ended === null ? '' : `, ${ended} ${ended === 1 ? 'session' : 'sessions'} ended`;
        return ['Reset', `${person.name} no longer has a second factor${sessions}`];
      },
      unchanged: ({ person }) => `${person.name} has no second factor and no open session`,
      next: ({ person }) => advice`the user enrolls again, or ${potctl('mfa', 'enroll', personWord(person))}`,
    }),
});
