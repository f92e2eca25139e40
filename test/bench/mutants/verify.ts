import type { Mutant } from './mutant.js';

const VERIFY = 'src/backup/verify.ts';
const DUMP = 'src/backup/verify-dump.ts';
const CHECKS = ['test/system/backup/verify-checks.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'tables that are missing from the dump are noticed',
    file: DUMP,
    replace: 'if (missing.length === 0) return',
    by: 'if (missing.length >= 0) return',
    tests: CHECKS,
  },
  {
    promise: 'verify at level full unpacks the dump',
    file: DUMP,
    replace: 'return [...checks, await unpacked()];',
    by: 'return checks;',
    tests: CHECKS,
  },
  {
    promise: 'verify at level full finds members that pg_restore takes for shorter ones',
    file: 'src/dump/dump-reader.ts',
    replace: '      await checkMembersWhole(dumpFolder, signal);\n',
    by: '',
    tests: CHECKS,
  },
  {
    promise: 'the blocks of a member in zstd are followed to its end',
    file: 'src/dump/whole-members.ts',
    replace: 'if (end === null || end > size) return false;',
    by: 'if (end === null) return false;',
    tests: ['test/unit/whole-members.test.ts'],
  },
  {
    promise: 'verify at level full walks the archive',
    file: VERIFY,
    replace: "if (manifest.storage !== null && level === 'full') {",
    by: "if (manifest.storage !== null && level === 'full' && readBytes < 0) {",
    tests: CHECKS,
  },
  {
    promise: 'a shorter file is noticed by its size',
    file: VERIFY,
    replace: 'if (found.size !== size) return',
    by: 'if (found.size > size) return',
    tests: CHECKS,
  },
  {
    promise: 'a file with other bytes is noticed by its hash',
    file: VERIFY,
    replace: 'if (sha256 === null || actual.sha256 === sha256) return INTACT;',
    by: 'return INTACT;',
    tests: ['test/system/backup/verify.test.ts'],
  },
  {
    promise: 'a file that is missing is noticed',
    file: VERIFY,
    replace: "if (found === null) return damaged('missing');",
    by: 'if (found === null) return INTACT;',
    tests: ['test/system/backup/verify.test.ts'],
  },
  {
    promise: 'a manifest with other bytes is noticed by its hash',
    file: 'src/catalog/catalog.ts',
    replace: "if (expected !== createHash('sha256').update(text).digest('hex')) {",
    by: 'if (expected === undefined) {',
    tests: CHECKS,
  },
  {
    promise: 'the manifest of another backup is refused',
    file: 'src/catalog/catalog.ts',
    replace: 'if (manifest.id === id) return manifest;',
    by: "if (manifest.id !== '') return manifest;",
    tests: ['test/unit/catalog.test.ts'],
  },
  {
    promise: 'a check that could not be made is not ok',
    file: VERIFY,
    replace: "const ok = rest.checks.every(({ state }) => state === 'ok');",
    by: "const ok = rest.checks.every(({ state }) => state !== 'fail');",
    tests: CHECKS,
  },
  {
    promise: 'a check that could not be made takes no mark away from a backup',
    file: VERIFY,
    replace: "if (rest.checks.some(({ state }) => state === 'fail') || ok) {",
    by: 'if (rest.checks.length > 0) {',
    tests: CHECKS,
  },
  {
    promise: 'what verify found is noted in the history of the backup',
    file: VERIFY,
    replace: 'await note(deps, rest.id, { level: rest.level, ok, problems: problems.slice(0, 50) });',
    by: '',
    tests: CHECKS,
  },
  {
    promise: 'rows that an imported dump lacks are noticed at level full',
    file: DUMP,
    replace: 'if (wrong === undefined && counted.size === inventory.tables.length) {',
    by: 'if (counted.size >= 0) {',
    tests: CHECKS,
  },
  {
    promise: 'an imported dump with fewer entries than tables is noticed',
    file: DUMP,
    replace: 'if (inventory.toc_entries === 0 || toc.length >= inventory.tables.length) {',
    by: 'if (toc.length >= 0) {',
    tests: CHECKS,
  },
  {
    promise: 'a damaged history is noticed',
    file: 'src/backup/verify-selected.ts',
    replace: 'if (eventsDamage !== null) return',
    by: 'if (eventsDamage === undefined) return',
    tests: ['test/system/backup/series.test.ts'],
  },
  {
    promise: 'a pg_restore that was killed proves no damage',
    file: DUMP,
    replace: 'if (CANNOT_BE_RESTORED.includes(error.code) && !(error instanceof ToolCrash))',
    by: 'if (error.code)',
    tests: ['test/system/backup/create-guards.test.ts'],
  },
];
