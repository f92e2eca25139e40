import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { helpFor } from '../../commands/cli/parse/topics.js';
import { commands } from '../../commands/registry.js';
import { ERROR_CATALOG, ExitCode } from '../../src/kernel/error-catalog.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { runMain } from '../support/run-main.js';

const codes = Object.entries(ERROR_CATALOG);
const README = fileURLToPath(new URL('../../README.md', import.meta.url));

describe('every error code', () => {
  test.each(codes)('%s has a meaning in sentences and an exit code of the table', (code, { means, exit }) => {
    expect(code).toMatch(/^E_[A-Z_]+$/);
    expect(means).toMatch(/^\S.*[.:]$/s);
    expect(Object.values(ExitCode)).toContain(exit);
  });
  test('has a remedy, except for canceled by the user', () => {
    expect(codes.filter(([, { remedy }]) => remedy.length === 0).map(([code]) => code)).toEqual(['E_CANCELED']);
  });
  test('is explained offline, and listed', async () => {
    const { stdout } = await runMain(['explain', '--list', '--json'], commands);
    const listed = JSON.parse(stdout).item.map(({ code }: { code: string }) => code);
    expect(listed.sort()).toEqual(codes.map(([code]) => code).sort());
    for (const [code, { means }] of codes.slice(0, 5)) {
      const explained = await runMain(['explain', code.toLowerCase().replace('e_', '')], commands);
      expect(explained.stdout).toContain(means);
    }
  });
});

test('a refusal and a cancellation report no changes, whatever the error says', () => {
  for (const [code, { exit }] of codes) {
    if (exit === ExitCode.refused)
      expect(new PotctlError(code as keyof typeof ERROR_CATALOG, 'x').changed).toBe('nothing');
  }
});

test('help exit-codes names every exit code', () => {
  const page = helpFor(['exit-codes'], commands);
  for (const exit of Object.values(ExitCode)) expect(page).toMatch(new RegExp(`^ {2}${exit} +\\S`, 'm'));
});

test.runIf(existsSync(README))('the table in the README matches the code', () => {
  const section = /## Exit codes\n([\s\S]*?)(\n## |$)/.exec(readFileSync(README, 'utf8'))?.[1] ?? '';
  const named = [...section.matchAll(/^\| *`?(\d+)`?(?:[ /]+`?(\d+)`?)? *\|/gm)].flatMap(([, one, two]) => [one, two]);
  const numbers = named
    .filter((number) => number !== undefined)
    .map(Number)
    .filter((number) => number !== 141);
  expect(numbers.sort((a, b) => a - b)).toEqual(Object.values(ExitCode).sort((a, b) => a - b));
});
