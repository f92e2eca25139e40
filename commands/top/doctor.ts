import type { Check, CheckState } from '../../src/kernel/check.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import type { Advice } from '../../src/kernel/next.js';
import { listCommand } from '../command.js';

/** One row of the list. Its JSON keys are older than those of `Check`, and scripts rely on them. */
interface CheckLine {
  readonly check: string;
  readonly state: Uppercase<CheckState>;
  readonly detail: string;
  /** null if there is nothing to do. */
  readonly fix: string | null;
}

/** Turns a check into a row. */
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
  summary: 'check that backups and restores can work',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  needs: ['database', 'repository', 'files'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: CheckLine) => check },
    { name: 'state', text: ({ state }) => state },
    // Cut on a narrow screen; the footer shows the full text.
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
