import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import type { RotatePlan, RotateResult } from '../../src/mfa/rotate.js';
import { count, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { BREAK_GLASS } from './shared/flags.js';
import { changeReason } from './shared/input.js';
import { keyProblem } from './shared/key-problem.js';

/** `potctl mfa rotate`: re-encrypts the stored secrets under another key. */
export const mfaRotate = actionCommand({
  name: 'mfa rotate',
  summary: 're-encrypt stored secrets with the newest key',
  examples: [
    'potctl mfa rotate -p prod --reason "yearly key rotation, SEC-90" --dry-run',
    'potctl mfa rotate -p prod --reason "yearly key rotation, SEC-90" --confirm k2026b',
    'potctl mfa rotate -p prod --reason "k2026b was lost, SEC-91" --to k2026a --confirm k2026a',
  ],
  needs: ['database'],
  input: {
    to: text('--to <key>', 'encrypt with this key instead of the newest, to undo a rotation'),
    batch: count('--batch <n>', 'secrets per transaction', { default: 500, min: 1, max: 10_000 }),
    breakGlass: BREAK_GLASS,
  },

  async prepare({ to = null, batch, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.rotate({ to, batch, breakGlass, reason });
  },

  gate: {
    renderPlan,
    phrase: ({ to }) => to,
    typed: 'the name of the new key',
    isAddition: ({ pending }) => pending === 0,
  },

  changed: ({ changed }) => changed,
  render(result, view) {
    view.note(sentence(result, view));
    for (const { key, problem, count: left } of result.unreadable) {
      view.note(
        `${view.paint('warn', 'Warning')}: ${counted(left, 'secret')} ${verb(left, 'was', 'were')} not re-encrypted: key ${key ?? '–'}, ${keyProblem(problem)}`,
      );
    }
    if (result.changed) view.note('Keep the old keys as long as you may restore a backup made before this rotation.');
  },
  exitCode: ({ unreadable }) => (unreadable.length === 0 ? ExitCode.ok : ExitCode.partial),
});

function renderPlan({ application, to, newest, pending, keys }: RotatePlan, view: View): void {
  view.heading(`MFA ROTATE   ${to}`);
  view.line(`  stored secrets of '${application}':`);
  for (const { key, count: held, problem } of keys) {
    const what = (problem && keyProblem(problem)) ?? (key === to ? 'not changed' : `to be re-encrypted with '${to}'`);
    view.line(`  - key ${key ?? '–'}: ${counted(held, 'secret')}, ${what}`);
  }
  if (pending === 0) return;
  view.line(`  ${view.paint('warn', '!')} everything else that reads these secrets must already have the key '${to}'`);
  if (to !== newest)
    view.line(`  ${view.paint('warn', '!')} new secrets will still be encrypted with '${newest}', the newest key`);
}

function sentence({ to, changed, resealed, pending, settled, journal_seq: seq }: RotateResult, view: View): string {
  if (changed) {
    return `${view.paint('good', 'Re-encrypted')}: ${counted(resealed, 'secret')} with '${to}'. Journal ${seq}.`;
  }
  if (pending > 0) return `Dry run: nothing was changed; ${counted(pending, 'secret')} would be re-encrypted.`;
  return `Nothing to change: ${counted(settled, 'secret')} ${verb(settled, 'is', 'are')} already encrypted with '${to}'.`;
}
