import type { Mutant } from './mutant.js';

const VERIFY = 'src/journal/verify.ts';
const JOURNAL = ['test/system/setup/journal.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'each entry of the journal is linked to the one before it',
    file: VERIFY,
    replace: 'row.prev !== last.hash',
    by: 'row.prev === null',
    tests: JOURNAL,
  },
  {
    promise: 'the content of each entry fits its hash',
    file: VERIFY,
    replace: 'hashOf(row) !== row.hash',
    by: "row.hash === ''",
    tests: JOURNAL,
  },
  {
    promise: 'the head of the journal has the hash of its last entry',
    file: VERIFY,
    replace: ' || head.hash !== last.hash',
    by: '',
    tests: JOURNAL,
  },
  {
    promise: 'no entry is missing',
    file: VERIFY,
    replace: 'BigInt(row.seq) !== last.seq + 1n',
    by: 'BigInt(row.seq) <= last.seq',
    tests: JOURNAL,
  },
  {
    promise: 'the entry of an anchor is still the same',
    file: VERIFY,
    replace: 'anchor.hash !== row.hash',
    by: 'anchor.hash === row.prev',
    tests: JOURNAL,
  },
  {
    promise: 'a journal that ends before an anchor was cut',
    file: VERIFY,
    replace: 'BigInt(anchor.seq) > last.seq',
    by: 'BigInt(anchor.seq) > last.seq + 1n',
    tests: JOURNAL,
  },
];
