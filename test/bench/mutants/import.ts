import type { Mutant } from './mutant.js';

const COMPOSE = 'src/backup/imported/compose.ts';
const IMPORT = 'src/backup/imported/import.ts';
const TWICE = ['test/system/backup/import-twice.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'a dump that was imported is known when it comes again',
    file: IMPORT,
    replace: 'if (known.has(as.id)) return',
    by: 'if (known.has(as.name)) return',
    tests: TWICE,
  },
  {
    promise: 'the same files always get the same id',
    file: 'src/backup/imported/candidates.ts',
    replace: '?? (await stat(files[0]!)).mtime.toISOString();',
    by: '?? (await stat(files[0]!)).ctime.toISOString();',
    tests: TWICE,
  },
  {
    promise: 'the id of a dump goes by the time that is in it, not by that of its file',
    file: 'src/backup/imported/candidates.ts',
    replace: "dumpTime(header?.get('Archive created at')) ??",
    by: '',
    tests: ['test/system/backup/import-twice.test.ts'],
  },
  {
    promise: 'the id of files goes by their content, too',
    file: COMPOSE,
    replace: "hash.digest('hex').slice(0, 6)",
    by: "hash.digest('hex').slice(64).padEnd(6, '0')",
    tests: TWICE,
  },
  {
    promise: 'a dry run says that a set was imported before',
    file: IMPORT,
    replace: 'if (id !== null && known.has(id)) items.push',
    by: 'if (id !== null && known.has(name)) items.push',
    tests: TWICE,
  },
  {
    promise: 'a set that was imported is not read again',
    file: IMPORT,
    replace: 'if (id !== null && known.has(id)) return',
    by: 'if (id !== null && known.has(name)) return',
    tests: TWICE,
  },
  {
    promise: 'an import goes on only while the lock is held',
    file: IMPORT,
    replace: '      await lease.assertHeld();\n',
    by: '',
    tests: TWICE,
  },
];
