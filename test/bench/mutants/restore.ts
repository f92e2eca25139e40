import type { Mutant } from './mutant.js';

const CHECK = 'src/restore/database/check.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'sequences are compared after a restore',
    file: CHECK,
    replace: 'if (value === dumped && called === wasCalled) return [];',
    by: 'if (batch.length > 0) return [];',
    tests: ['test/system/restore/equality.test.ts'],
  },
];
