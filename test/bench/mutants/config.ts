import type { Mutant } from './mutant.js';

const PASSFILE = 'src/config/libpq/passfile-lookup.ts';
const SOURCES = ['test/unit/libpq-sources.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'a password file that its group may read is ignored',
    file: PASSFILE,
    replace: 'found.mode & 0o077',
    by: 'found.mode & 0o007',
    tests: SOURCES,
  },
  {
    promise: 'a password file that others may read is ignored',
    file: PASSFILE,
    replace: 'found.mode & 0o077',
    by: 'found.mode & 0o070',
    tests: SOURCES,
  },
  {
    promise: 'a password file that others may write or run is ignored',
    file: PASSFILE,
    replace: 'found.mode & 0o077',
    by: 'found.mode & 0o044',
    tests: SOURCES,
  },
];
