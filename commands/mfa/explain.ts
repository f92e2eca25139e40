import { advice } from '../../src/kernel/next.js';
import { flag } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';
import { CODE_STDIN, USER } from './shared/flags.js';
import { readCode } from './shared/input.js';
import { sentence } from './shared/sentence.js';

const STYLES = { ok: 'good', problem: 'bad', unknown: 'warn', info: 'dim' } as const;

/** `potctl mfa explain`: finds out why a user cannot sign in. */
export const mfaExplain = itemCommand({
  name: 'mfa explain',
  summary: 'find out why a user cannot sign in',
  examples: ['potctl mfa explain ana.souza -p prod', 'potctl mfa explain ana.souza -p prod --ask-code'],
  needs: ['database'],
  input: {
    user: USER,
    askCode: flag(
      '--ask-code',
      'ask for a code and check it, too; this consumes it, and a wrong one counts as a failed attempt',
    ),
    codeStdin: CODE_STDIN,
  },

  async run({ user, askCode, codeStdin }, context) {
    const code = () => readCode(context, codeStdin, 'Code shown in the app now');
    return (await context.potctl.mfa()).explain({ user, ...((askCode || codeStdin) && { code }) });
  },

  render({ user, verdict, evidence, next }, view) {
    view.heading(user.username ?? user.email ?? user.id);
    view.line(`  ${view.paint('strong', sentence(verdict.text))}${verdict.confidence === 'likely' ? ' (likely)' : ''}`);
    view.table(
      ['CHECK', 'RESULT', 'DETAIL'],
      evidence.map(({ check, result, detail }) => [check, view.paint(STYLES[result], result), detail]),
    );
    for (const line of next) view.note(advice`Next:  ${line}`);
  },
});
