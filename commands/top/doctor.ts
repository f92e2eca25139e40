import type { Check, CheckState } from '../../src/kernel/check.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import type { Advice } from '../../src/kernel/next.js';
import { listCommand } from '../command.js';

/** A check as scripts and people have always read it here. */
interface CheckLine {
  readonly check: string;
  readonly state: Uppercase<CheckState>;
  readonly detail: string;
  /** null where nothing is to be done. */
  readonly fix: string | null;
}

/** The line of a check. */
export const checkLine = ({ name, state, detail, next }: Check, spelled: (given: Advice) => string): CheckLine => ({
  ...{
    check: name,
    state: state.toUpperCase() as Uppercase<CheckState>,
    detail,
    fix: next === undefined ? null : spelled(next),
  },
});

export const doctor = listCommand({
  name: 'doctor',
  summary: 'whether tonight’s backup and tomorrow’s restore can work, and what mends it',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  needs: ['database', 'repository', 'files'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: CheckLine) => check },
    { name: 'state', text: ({ state }) => state },
    // Cut where the screen is narrow; the footer has them whole.
    { name: 'detail', text: ({ detail }) => detail, flexible: true },
    { name: 'fix', text: ({ fix }) => fix ?? '', flexible: true, priority: 2 },
  ],

  async run(_input, { potctl, live }) {
    const found = await (await potctl.doctor()).examine();
    const items = found.map((check) => checkLine(check, live.spelled));
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
