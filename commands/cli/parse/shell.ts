import { shellQuoted } from '../../../src/kernel/shell-quoted.js';

/** A person as a word of a command that can be pasted: the name where no shell would take it for something else. */
export const personWord = ({ name, id }: { readonly name: string; readonly id: string }): string =>
  shellQuoted(name) === name && !name.startsWith('-') ? name : id;

/** `potctl` and its arguments as a line to paste. */
export function commandLine(argv: readonly string[]): string {
  return ['potctl', ...argv.map(shellQuoted)].join(' ');
}

/** The same arguments with more of them, before whatever `--` keeps from being options. */
export function withMore(argv: readonly string[], more: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return [...argv.slice(0, end), ...more, ...argv.slice(end)];
}

/** The words of a command line from our own help and documents: blanks separate, quotes keep together, `\` ends a line. */
export function shellWords(line: string): string[] {
  const words = line.replaceAll('\\\n', ' ').matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g);
  return [...words].map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}
