import { counted, verb } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import type { RotatePlan, RotateResult } from '../../src/mfa/rotate.js';
import { count, text } from '../cli/parse/options.js';
import { actionCommand } from '../command.js';
import type { View } from '../ui/view.js';
import { BREAK_GLASS } from './shared/flags.js';
import { changeReason } from './shared/input.js';

/** `potctl mfa rotate`: a new key for the secrets at rest. */
export const mfaRotate = actionCommand({
  name: 'mfa rotate',
  summary: 're-encrypt stored secrets with the newest key',
  examples: [
    'potctl mfa rotate -p prod --reason "yearly change of keys, SEC-90" --dry-run',
    'potctl mfa rotate -p prod --reason "yearly change of keys, SEC-90" --confirm k2026b',
    'potctl mfa rotate -p prod --reason "k2026b was lost, SEC-91" --to k2026a --confirm k2026a',
  ],
  needs: ['database'],
  input: {
    to: text('--to <key>', 'seal under this key instead of the newest: takes a rotation back'),
    batch: count('--batch <n>', 'secrets in one transaction', { default: 500, min: 1, max: 10_000 }),
    breakGlass: BREAK_GLASS,
  },

  async prepare({ to = null, batch, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.rotate({ to, batch, breakGlass, reason });
  },

  gate: {
    renderPlan,
    phrase: ({ to }) => to,
    isAddition: ({ pending }) => pending === 0,
  },

  changed: ({ changed }) => changed,
  render(result, view) {
    view.note(sentence(result, view));
    for (const { key, problem, count: left } of result.unreadable) {
      view.note(
        `${view.paint('warn', 'Warning')}: ${counted(left, 'secret')} ${verb(left, 'stays as it is', 'stay as they are')}: key ${key ?? '–'}, ${problem}`,
      );
    }
    if (result.changed) view.note('Keep the older keys as long as a backup that was made before can be restored.');
  },
  exitCode: ({ unreadable }) => (unreadable.length === 0 ? ExitCode.ok : ExitCode.partial),
});

function renderPlan({ application, to, newest, pending, keys }: RotatePlan, view: View): void {
  view.heading(`MFA ROTATE   ${to}`);
  view.line(`  the secrets of '${application}':`);
  for (const { key, count: held, problem } of keys) {
    const what = problem ?? (key === to ? 'stay' : `sealed again under '${to}'`);
    view.line(`  - key ${key ?? '–'}: ${counted(held, 'secret')}, ${what}`);
  }
  if (pending === 0) return;
  view.line(`  ${view.paint('warn', '!')} whatever else reads these secrets must hold the key '${to}' already`);
  if (to !== newest)
    view.line(`  ${view.paint('warn', '!')} new secrets are still sealed under '${newest}', the newest`);
}

function sentence({ to, changed, resealed, pending, settled, journal_seq: seq }: RotateResult, view: View): string {
  if (changed) {
    return `${view.paint('good', 'Sealed again')}: ${counted(resealed, 'secret')} under '${to}'. Journal ${seq}.`;
  }
  if (pending > 0) return `Nothing was changed: this was a dry run of ${counted(pending, 'secret')}.`;
  return `Nothing had to be changed: ${counted(settled, 'secret')} ${verb(settled, 'rests', 'rest')} under '${to}'.`;
}
