import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const filesOf = (...tops: string[]): string[] =>
  tops.flatMap((top) =>
    readdirSync(path.join(ROOT, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.posix.join(top, name)),
  );
const linesOf = (file: string): string[] => readFileSync(path.join(ROOT, file), 'utf8').trimEnd().split('\n');

const LONGEST_TEST = 400;
const LONGEST_FUNCTION = 50;

interface Span {
  readonly name: string;
  readonly first: number;
  /** The line with the opening brace: wrapped parameters stand before it. */
  readonly opens: number;
  readonly last: number;
}

/**
 * The functions of a file in our format: a line that opens a function, and the next one with the same indentation that begins with `}`.
 * That the format is kept, the formatter proves.
 */
function functionsOf(lines: readonly string[]): Span[] {
  return lines.flatMap((line, at) => {
    const opens =
      /(\bfunction\b.*|=>|\)(: [^=]+)?) \{$/.test(line) &&
      !/^\s*(\}? ?(if|for|while|switch|catch|else)\b|describe\(|test\()/.test(line);
    if (!opens) return [];
    const indent = /^ */.exec(line)![0];
    const last = lines.findIndex((other, index) => index > at && other.startsWith(`${indent}}`));
    const wrapped = /^\s*\)/.test(line)
      ? lines.findLastIndex((other, index) => index < at && /^ */.exec(other)![0] === indent)
      : at;
    return last < 0 ? [] : [{ name: lines[wrapped]!.trim(), first: wrapped, opens: at, last }];
  });
}

/** Lines of a function's body that do not belong to a function inside it: those are measured by themselves. */
function ownLength(span: Span, all: readonly Span[]): number {
  const inner = all.filter(
    ({ first, last }) => first >= span.first && last <= span.last && last - first < span.last - span.first,
  );
  const outermost = inner.filter(
    (one) => !inner.some((other) => other !== one && other.first <= one.first && other.last >= one.last),
  );
  return span.last - span.opens - 1 - outermost.reduce((sum, { first, last }) => sum + (last - first), 0);
}

describe('the code stays in pieces that fit on a screen', () => {
  test('no test is longer than 400 lines', () => {
    const lengths = filesOf('test').map((file) => [file, linesOf(file).length] as const);
    expect(lengths.filter(([, length]) => length > LONGEST_TEST)).toEqual([]);
  });

  test('no function is longer than 50 lines', () => {
    const long = filesOf('src', 'commands').flatMap((file) => {
      const spans = functionsOf(linesOf(file));
      const over = spans.filter((span) => ownLength(span, spans) > LONGEST_FUNCTION);
      return over.map(({ name }) => `${file} ${/function (\w+)/.exec(name)?.[1] ?? name}`);
    });
    expect(long).toEqual([]);
  });

  test('the measure itself sees functions, wrapped parameters and what lies inside', () => {
    const lines = [
      'export function a(',
      '  b: string,',
      '): void {',
      '  const c = () => {',
      '    d();',
      '    e();',
      '  };',
      '  c();',
      '}',
    ];
    const spans = functionsOf(lines);
    expect(spans.map(({ first, last }) => [first, last])).toEqual([
      [0, 8],
      [3, 6],
    ]);
    expect(spans.map((span) => ownLength(span, spans))).toEqual([2, 2]);
  });
});

test('every exported function says what it does', () => {
  const silent = filesOf('src', 'commands').flatMap((file) => {
    const lines = linesOf(file);
    return lines.flatMap((line, at) => {
      const name = /^export (?:async )?function\*? (\w+)/.exec(line)?.[1];
      if (name === undefined || /\*\/$/.test(lines[at - 1] ?? '')) return [];
      const sameName = new RegExp(`^export (async )?function ${name}\\b`);
      return lines.slice(0, at).some((other) => sameName.test(other)) ? [] : [`${file}: ${name}`];
    });
  });
  expect(silent).toEqual([]);
});

test('no default exports, no enums, no any, no marks for later', () => {
  const found = filesOf('src', 'commands').flatMap((file) => {
    const lines = linesOf(file);
    return lines.flatMap((line, at) => {
      const before = lines[at - 1] ?? '';
      const isBad =
        /^export default|^(export )?(const )?enum |\b(TODO|FIXME|XXX)\b/.test(line) ||
        (/[:<|] ?any\b(?! )/.test(line) && !/biome-ignore/.test(before) && !/^\s*(\*|\/\/|\/\*)/.test(line));
      return isBad ? [`${file}:${at + 1} ${line.trim()}`] : [];
    });
  });
  expect(found).toEqual([]);
});
