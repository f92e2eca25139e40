import type { CheckResult } from '../../src/doctor/check.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { listCommand } from '../command.js';

export const doctor = listCommand({
  name: 'doctor',
  summary: 'whether tonight’s backup and tomorrow’s restore can work, and what mends it',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: CheckResult) => check },
    { name: 'state', text: ({ state }) => state },
    // Cut where the screen is narrow; the footer has them whole.
    { name: 'detail', text: ({ detail }) => detail, flexible: true },
    { name: 'fix', text: ({ fix }) => fix ?? '', flexible: true, priority: 2 },
  ],

  async run(_input, { potctl }) {
    const items = await (await potctl.doctor()).examine();
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
