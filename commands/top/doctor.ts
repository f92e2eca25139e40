import type { CheckResult } from '../../src/doctor/check.js';
import { ExitCode } from '../../src/error-catalog.js';
import { listCommand } from '../command.js';

export const doctor = listCommand({
  name: 'doctor',
  summary: 'whether tonight’s backup and tomorrow’s restore can work, and what mends it',
  examples: ['potctl doctor', 'potctl doctor -p prod', 'potctl doctor --files ./storage --repository ./backups --json'],
  input: {},
  columns: [
    { name: 'check', text: ({ check }: CheckResult) => check },
    { name: 'state', text: ({ state }) => state },
    { name: 'detail', text: ({ detail }) => detail },
    { name: 'fix', text: ({ fix }) => fix ?? '' },
  ],

  async run(_input, context) {
    const { examine } = await import('../../src/doctor/examine.js');
    return { items: await examine(context) };
  },

  exitCode(results) {
    if (results.some(({ state }) => state === 'FAIL')) return ExitCode.unhealthy;
    return results.some(({ state }) => state === 'UNKNOWN') ? ExitCode.partial : ExitCode.ok;
  },
});
