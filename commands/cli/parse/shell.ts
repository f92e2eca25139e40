import { shellQuoted } from '../../../src/kernel/shell-quoted.js';

/** Returns a person as one word of a command to paste: the name if it needs no quoting, else the id. */
export const personWord = ({ name, id }: { readonly name: string; readonly id: string }): string =>
  shellQuoted(name) === name && !name.startsWith('-') ? name : id;

/** Returns `potctl` and its arguments as a line to paste. */
export function commandLine(argv: readonly string[]): string {
  return ['potctl', ...argv.map(shellQuoted)].join(' ');
}

/** Adds arguments before a `--`, or at the end. */
export function withMore(argv: readonly string[], more: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return [...argv.slice(0, end), ...more, ...argv.slice(end)];
}

/** Splits a command line of our own help or documents into words: handles quotes and `\` at a line end. */
export function shellWords(line: string): string[] {
  const words = line.replaceAll('\\\n', ' ').matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g);
  return [...words].map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}
