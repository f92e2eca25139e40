import { PotctlError } from '../../src/kernel/errors.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { actionCommand } from '../command.js';
import { BREAK_GLASS, CODE_STDIN, TRUST_CLOCK, USER } from './shared/flags.js';
import { readCode } from './shared/input.js';

/** Checking a code uses it up, or counts a failure. */
const noDryRun = (): PotctlError =>
  new PotctlError('E_USAGE', '`mfa verify` has no dry run: checking a code uses it up', {
    fix: [advice`Leave out --dry-run, or only look at the state: ${potctl('mfa', 'status', 'USER')}.`],
  });

/** `potctl mfa verify`: verifies a caller's identity by a code. */
export const mfaVerify = actionCommand({
  name: 'mfa verify',
  summary: "verify a caller's identity with a code",
  examples: ['potctl mfa verify ana.souza -p prod', 'potctl mfa verify ana.souza -p prod --code-stdin --json'],
  atomic: true,
  needs: ['database'],
  input: { user: USER, codeStdin: CODE_STDIN, trustClock: TRUST_CLOCK, breakGlass: BREAK_GLASS },

  prepare: async ({ user, codeStdin, trustClock, breakGlass }, context) => ({
    plan: null,
    dryRun: () => Promise.reject(noDryRun()),
    async apply() {
      const code = () => readCode(context, codeStdin, 'Code from the app, or a backup code');
      return (await context.potctl.mfa()).verify({ user, code, trustClock, breakGlass });
    },
  }),

  done: ({ person, by, journal_seq: seq }) =>
    `${by === 'backup' ? 'the backup code' : 'the code'} of ${person.name} was correct and is now used up (journal ${seq})`,
  render({ person, by, offset_s: offset, codes_left: left, journal_seq: seq, warnings }, view) {
    const how = by === 'backup' ? `a backup code, now used up (${left} left)` : 'the code from the app';
    const drift = offset === 0 ? '' : `, ${Math.abs(offset)} s ${offset < 0 ? 'slow' : 'fast'}`;
    view.note(`${view.paint('good', 'Accepted')}: ${person.name} gave ${how}${drift}. Journal ${seq}.`);
    for (const text of warnings) view.note(advice`${view.paint('warn', '!')} ${text}`);
  },
});
