import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { document } from '../support/project.js';
import { potctlLines, readCommandLine } from './documents.js';

const readme = document('README.md');

test('the first screen has the two commands, and both exist', () => {
  const screen = readme.split('\n').slice(0, 24).join('\n');
  const { scripts } = JSON.parse(document('package.json')) as { scripts: Record<string, string> };

  expect(screen).toContain('npm run quickstart');
  expect(screen).toContain('npm test');
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['quickstart', 'test', 'check', 'build']));
});

test('every potctl line is understood by the program', () => {
  const lines = potctlLines(readme);

  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(() => readCommandLine(line), line).not.toThrow();
});

test('a line that the program does not understand would be found', () => {
  expect(potctlLines('```\nPGDATABASE=x potctl backup crate --fils\n```\nand `potctl nonsense`.')).toHaveLength(2);
  expect(() => readCommandLine('potctl backup crate')).toThrow();
  expect(() => readCommandLine('potctl backup create --fils /srv')).toThrow();
});

test('the table of exit codes is that of the program', () => {
  const [, section = ''] = readme.split('## Exit codes');
  const codes = [...section.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code]) => Number(code));

  expect(codes).toEqual(Object.values(ExitCode));
});

test('every folder and page that it names is there', () => {
  const [, tree = ''] = /## Where things are\n\n```\n([\s\S]*?)```/.exec(readme) ?? [];
  const top = [...tree.matchAll(/^([a-z]+\/)/gm)].map(([, folder = '']) => folder);
  const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = '']) => link);

  expect(top).toContain('commands/');
  for (const name of [...top, ...links]) expect(existsSync(name), name).toBe(true);
});
