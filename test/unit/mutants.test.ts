import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AREAS } from '../bench/mutants/areas.js';
import { applyMutant } from '../bench/mutants/mutant.js';
import { document } from '../support/project.js';

const MUTANTS = Object.values(AREAS).flat();

describe.each(Object.entries(AREAS))('%s', (_, mutants) => {
  test.each(mutants)('the fault fits the code: $promise', (mutant) => {
    const intact = document(mutant.file);
    expect(applyMutant(mutant, intact)).not.toBe(intact);
    expect(mutant.file).toMatch(/^(src|commands|templates)\//);
  });

  test.each(mutants)('its tests exist: $promise', ({ tests }) => {
    expect(tests).not.toEqual([]);
    expect(tests.filter((file) => !/^test\/.+\.test\.ts$/.test(file) || !existsSync(file))).toEqual([]);
  });
});

test('each promise is listed once', () => {
  const promises = MUTANTS.map(({ promise }) => promise);
  expect(promises.filter((promise, index) => promises.indexOf(promise) !== index)).toEqual([]);
});

test('code that is missing, or occurs twice, is no place for a fault', () => {
  const mutant = { promise: '', file: 'src/a.ts', replace: 'a > b', by: 'a >= b', tests: [] };
  expect(applyMutant(mutant, 'if (a > b) c();')).toBe('if (a >= b) c();');
  expect(() => applyMutant(mutant, 'if (a < b) c();')).toThrow('does not contain');
  expect(() => applyMutant(mutant, 'a > b || a > b')).toThrow('2 times');
});
