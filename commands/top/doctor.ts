import type { CheckResult } from '../../src/doctor/check.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { listCommand } from '../command.js';

/** A row, its fix as people read it. */
type DoctorRow = Omit<CheckResult, 'fix'> & { readonly fix: string | null };

export const doctor = listCommand({
  name: 'doctor',
  summary: 'whether tonight’s backup and tomorrow’s restore can work, and what mends it',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  needs: ['database', 'repository', 'files'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: DoctorRow) => check },
    { name: 'state', text: ({ state }) => state },
    // Cut where the screen is narrow; the footer has them whole.
    { name: 'detail', text: ({ detail }) => detail, flexible: true },
    { name: 'fix', text: ({ fix }) => fix ?? '', flexible: true, priority: 2 },
  ],

  async run(_input, context) {
    const { examine } = await import('../../src/doctor/examine.js');
    const { observeLeftovers } = await import('../../src/runs/leftovers.js');
    const { readSetupProblem } = await import('../../src/journal/installed.js');
    const leftovers = async () =>
      observeLeftovers(await context.repository(), await context.server().catch(() => null));
    const found = await examine({ ...context, leftovers }, readSetupProblem);
    const items = found.map((one) => ({ ...one, fix: one.fix === null ? null : context.live.spelled(one.fix) }));
    const footer = items
      .filter(({ state, fix }) => state !== 'OK' && fix !== null)
      .flatMap(({ check, state, detail, fix }) => [`${state} ${check}: ${detail}`, `  ${fix}`]);
    return { items, footer };
  },

  exitCode(results) {
    if (results.some(({ state }) => state === 'FAIL')) return ExitCode.unhealthy;
    return results.some(({ state }) => state === 'UNKNOWN') ? ExitCode.partial : ExitCode.ok;
  },
});
