import { spawnSync } from 'node:child_process';
import { test } from 'vitest';

/** Debian's own Python: another one on the PATH does not have Debian's packages. */
const PYTHON = '/usr/bin/python3';

/** Programs of others that potctl is compared with, and how to see whether they are here. `.ci/programs` installs them. */
const PROGRAMS = {
  oathtool: ['oathtool', '--version'],
  zbarimg: ['zbarimg', '--version'],
  'python3-pyotp': [PYTHON, '-c', 'import pyotp'],
  'python3-cryptography': [PYTHON, '-c', 'import cryptography'],
} as const;

/** `test` for what needs a program: without it the test is skipped, and its title says why. */
export function testWith(program: keyof typeof PROGRAMS) {
  const [file, ...words] = PROGRAMS[program];
  const isHere = spawnSync(file, words, { stdio: 'ignore' }).status === 0;
  return (title: string, run: () => void | Promise<void>): void =>
    test.skipIf(!isHere)(isHere ? title : `${title} (not compared: ${program} is not installed)`, run);
}

/** What a program prints on stdout. @throws when it fails, with what it said */
export function outputOf(program: string, words: readonly string[], input: string | Uint8Array = ''): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Runs Python, which finds `given` as JSON in `given` and leaves its answer in `answer`. */
export function python(script: string, given: unknown): unknown {
  const whole = `import json, sys\ngiven = json.load(sys.stdin)\n${script}\njson.dump(answer, sys.stdout)`;
  return JSON.parse(outputOf(PYTHON, ['-c', whole], JSON.stringify(given)));
}
