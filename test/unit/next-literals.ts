import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Sources without comments, by file. */
export function sourcesOf(...tops: readonly string[]): { readonly file: string; readonly code: string }[] {
  return tops.flatMap((top) =>
    readdirSync(top, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.posix.join(top, name))
      .map((file) => ({ file, code: withoutComments(readFileSync(file, 'utf8')) })),
  );
}

const withoutComments = (text: string): string => text.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** One possible result of a call of `potctl(…)` or `again(…)`. */
export interface Proposal {
  readonly where: string;
  readonly words: readonly string[];
}

/**
 * The possible proposals of `potctl(…)` or `again(…)`, read from the source: a computed word becomes `X`, or the value in `known`; each branch
 * of a condition is one proposal.
 */
export function proposalsIn(
  name: 'potctl' | 'again',
  sources: readonly { readonly file: string; readonly code: string }[],
  known: Readonly<Record<string, readonly string[]>> = {},
): Proposal[] {
  return sources.flatMap(({ file, code }) =>
    [...code.matchAll(new RegExp(`(?<![\\w.])${name}\\(`, 'g'))]
      .filter(({ index }) => !/(?:const|function) $/.test(code.slice(0, index)))
      .flatMap(({ index }) => {
        const inside = argumentsFrom(code, index + name.length + 1);
        const where = `${file}: ${name}(${inside.join(', ')})`;
        return inside
          .map((argument) => waysOf(argument, known))
          .reduce<string[][]>((all, ways) => all.flatMap((words) => ways.map((way) => [...words, ...way])), [[]])
          .map((words) => ({ where, words }));
      }),
  );
}

/** The arguments of a call as text, after its parenthesis. */
function argumentsFrom(code: string, start: number): string[] {
  const found = [''];
  let depth = 0;
  let quote = '';
  for (let at = start; at < code.length; at += 1) {
    const letter = code[at]!;
    if (quote !== '') quote = letter === quote ? '' : quote;
    else if (`'"\``.includes(letter)) quote = letter;
    else if ('([{'.includes(letter)) depth += 1;
    else if (')]}'.includes(letter)) depth -= 1;
    if (depth < 0) break;
    if (depth === 0 && quote === '' && letter === ',') found.push('');
    else found[found.length - 1] += letter;
  }
  return found.map((argument) => argument.trim()).filter((argument) => argument !== '');
}

function waysOf(argument: string, known: Readonly<Record<string, readonly string[]>>): (readonly string[])[] {
  const spread = argument.replace(/^\.\.\./, '');
  if (known[spread] !== undefined) return [known[spread]];
  const alternatives = /^\(?[\s\S]* \? ([\s\S]*?) : ([\s\S]*?)\)?$/.exec(spread);
  if (alternatives !== null) return [alternatives[1]!, alternatives[2]!].flatMap((way) => waysOf(way, known));
  const inner = /^\[([\s\S]*)\]$/.exec(spread);
  if (inner !== null) return [argumentsFrom(inner[1]!, 0).map(wordOf)];
  return [argument.startsWith('...') ? [] : [wordOf(argument)]];
}

const wordOf = (argument: string): string => /^'(.*)'$/.exec(argument)?.[1] ?? 'X';
