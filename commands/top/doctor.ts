import type { Check, CheckState } from '../../src/kernel/check.js';
import { counted } from '../../src/kernel/counted.js';
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

/** Returns `18 checks: 16 ok, 2 warnings`. */
function summaryOf(lines: readonly CheckLine[]): string {
  const of = (state: CheckLine['state']): number => lines.filter((line) => line.state === state).length;
  const parts = [
    [of('OK'), `${of('OK')} ok`],
    [of('WARN'), counted(of('WARN'), 'warning')],
    [of('FAIL'), `${of('FAIL')} failed`],
    [of('UNKNOWN'), `${of('UNKNOWN')} unknown`],
    [of('SKIPPED'), `${of('SKIPPED')} skipped`],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([, text]) => text);
  return `${counted(lines.length, 'check')}: ${told.join(', ')}`;
}

export const doctor = listCommand({
  name: 'doctor',
  summary: 'check that backups and restores can work',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  needs: ['database', 'repository', 'files'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: CheckLine) => check },
    { name: 'state', text: ({ state }) => state },
    { name: 'detail', text: ({ detail }) => detail },
    { name: 'fix', text: ({ fix }) => fix ?? '', flexible: true, priority: 2 },
  ],

  async run(_input, { potctl, live }) {
    const found = await (await potctl.doctor()).examine();
    const items = found.map((check) => checkLine(check, live.spelled));
    const footer = items
      .filter(({ state, fix }) => state !== 'OK' && fix !== null)
      .flatMap(({ check, state, detail, fix }) => [`${state} ${check}: ${detail}`, `  ${fix}`]);
    return { items, footer: [...footer, summaryOf(items)] };
  },

  exitCode(results) {
    if (results.some(({ state }) => state === 'FAIL')) return ExitCode.unhealthy;
    return results.some(({ state }) => state === 'UNKNOWN') ? ExitCode.partial : ExitCode.ok;
  },
});
