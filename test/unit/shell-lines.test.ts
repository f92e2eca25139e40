import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completionScript } from '../../commands/cli/parse/completion-script.js';
import { flagsOf } from '../../commands/cli/parse/grammar.js';
import { commandLine } from '../../commands/cli/parse/shell.js';
import { closest } from '../../commands/cli/parse/suggest.js';
import { confirm } from '../../commands/cli/run/confirm.js';
import { NOWHERE, spelled } from '../../commands/cli/run/next.js';
import { wantsColor } from '../../commands/cli/run/streams.js';
import { commands } from '../../commands/registry.js';
import { newRunId, newTraceId } from '../../src/host/identity.js';
import type { PotctlError } from '../../src/kernel/errors.js';
import { shellQuoted } from '../../src/kernel/shell-quoted.js';

const bash = (script: string): string =>
  execFileSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', SHLVL: '1' },
  });

/** The line that works, as the refusal of an unconfirmed one prints it. */
async function confirmed(argv: readonly string[], phrase: string): Promise<string> {
  const { own, shared } = flagsOf(commands.find(({ name }) => name === 'restore run')!);
  const request = {
    phrase,
    given: undefined,
    yes: false,
    prompter: null,
    whyNot: 'there is no terminal',
    say: () => {},
  };
  const refused = await confirm(request).catch((error: unknown) => error as PotctlError);
  return spelled(refused!.fix.at(-1)!, { ...NOWHERE, argv, known: [...own, ...shared] });
}

describe('a command line to paste', () => {
  test('is read back by a shell as the same words, whatever they contain', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => !/[\0\p{Cs}]/u.test(text));
    const nasty = fc.constantFrom(
      "it's",
      'a b',
      '$HOME',
      '`id`',
      '~root',
      '"',
      '\\',
      '!',
      '*',
      'x\ny',
      '\u001b[2J',
      '\u202e',
      "'\\''",
      '-n',
      '#',
      '',
      "\\'\t",
    );
    const words = fc.sample(fc.oneof(word, nasty), { numRuns: 300, seed: 7 });
    const read = bash(`printf '%s\\0' ${words.map(shellQuoted).join(' ')}`)
      .split('\0')
      .slice(0, -1);
    expect(read).toEqual(words);
  });

  test('is the typed one, with --confirm in place of the flags that it replaces', async () => {
    const typed = ['restore', 'run', '-y', 'x', '--no-confirm', '--confirm', 'wrong', '--confirm=worse', '-p', 'prod'];
    expect(await confirmed(typed, 'app')).toBe('potctl restore run x -p prod --confirm app');
    expect(await confirmed(['run', '--', '-x'], '-odd')).toBe('potctl run --confirm=-odd -- -x');
    expect(commandLine(['restore', 'run', '--confirm', "it's"])).toBe(`potctl restore run --confirm 'it'\\''s'`);
  });
});

test.each([
  [true, 'auto', {}, true],
  [false, 'auto', {}, false],
  [true, 'never', { FORCE_COLOR: '1' }, false],
  [false, 'always', { NO_COLOR: '1' }, true],
  [true, 'auto', { NO_COLOR: '1' }, false],
  [true, 'auto', { NO_COLOR: '' }, true],
  [true, 'auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  [false, 'auto', { FORCE_COLOR: '1' }, true],
  [true, 'auto', { FORCE_COLOR: '0' }, false],
  [false, 'auto', { CLICOLOR_FORCE: '1' }, true],
  [true, 'auto', { CLICOLOR: '0' }, false],
  [true, 'auto', { TERM: 'dumb' }, false],
] as const)('colors: terminal %s, --color %s, %j → %s', (terminal, when, env, expected) => {
  expect(wantsColor(terminal, when, env)).toBe(expected);
});

test('similar words are suggested, and distant ones are not', () => {
  expect(closest('lsit', ['list', 'show', 'verify'])).toEqual(['list']);
  expect(closest('ver', ['list', 'show', 'verify'])).toEqual(['verify']);
  expect(closest('zzz', ['list', 'show', 'verify'])).toEqual([]);
});

test('run ids ascend with time and are usable in names; trace ids are 32 hex digits', () => {
  const ids = [0, 1, 60, 86_400, 31_536_000].map((seconds) =>
    newRunId(new Date(Date.UTC(2026, 10, 22) + seconds * 1000)),
  );
  expect(ids.map((id) => id.slice(0, 6))).toEqual([...ids].sort().map((id) => id.slice(0, 6)));
  for (const id of ids) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{10}$/);
  expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
});

describe('completion', () => {
  const script = completionScript('bash', commands);
  const complete = (...words: string[]): string[] => {
    const folder = mkdtempSync(path.join(tmpdir(), 'potctl-completion-'));
    const file = path.join(folder, 'completion');
    writeFileSync(file, script);
    const line = `source ${file}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _potctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const found = bash(line).trim().split('\n');
    rmSync(folder, { recursive: true });
    return found;
  };
  test('offers commands, flags and choices, also after flags with a value', () => {
    expect(complete('potctl', '')).toEqual(expect.arrayContaining(['backup', 'restore', 'config', 'doctor', 'help']));
    expect(complete('potctl', '-p', 'prod', 'back')).toEqual(['backup']);
    expect(complete('potctl', '-p', 'prod', 'backup', '')).toEqual(
      expect.arrayContaining(['create', 'list', 'show', 'verify']),
    );
    expect(complete('potctl', 'backup', 'create', '--on')).toEqual(['--only']);
    expect(complete('potctl', 'backup', 'verify', '--level', '')).toEqual(['quick', 'full']);
    expect(complete('potctl', 'completion', 'z')).toEqual(['zsh']);
  });
  test('works the same for zsh, through its own function', () => {
    expect(completionScript('zsh', commands)).toMatch(/^#compdef potctl\n/);
    expect(() => completionScript('fish', commands)).toThrow("'potctl completion' takes bash or zsh");
  });
});
