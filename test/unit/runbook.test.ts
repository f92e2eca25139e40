import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CATALOG } from '../../src/kernel/error-catalog.js';
import { document } from '../support/project.js';
import { potctlLines, readCommandLine } from './documents.js';

const pages = readdirSync('runbook').filter((name) => name.endsWith('.md'));
const symptoms = pages.filter((name) => name !== 'README.md');

test.each(symptoms)('%s: every potctl line is understood by the program', (page) => {
  const lines = potctlLines(document(`runbook/${page}`));

  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(() => readCommandLine(line), line).not.toThrow();
});

test.each(symptoms)('%s: begins with its symptom and has the parts of a page', (page) => {
  const text = document(`runbook/${page}`);

  expect(text).toMatch(/^# \S/);
  for (const part of ['## Look', '## Do', '## Afterwards']) expect(text).toContain(`\n${part}\n`);
});

test.each(symptoms)('%s: the index leads to it', (page) => {
  expect(document('runbook/README.md')).toContain(`(${page})`);
});

test.each(pages)('%s: links and error codes exist', (page) => {
  const text = document(`runbook/${page}`);
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link = '']) => link);
  const codes = [...text.matchAll(/\bE_[A-Z_]+\b/g)].map(([code]) => code);

  for (const link of links) expect(existsSync(path.join('runbook', link)), link).toBe(true);
  for (const code of codes) expect(Object.keys(ERROR_CATALOG), code).toContain(code);
});
