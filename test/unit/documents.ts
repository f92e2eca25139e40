import { understand } from '../../commands/cli/parse/invocation.js';
import { parseCommandLine } from '../../commands/cli/parse/program.js';
import { shellWords } from '../../commands/cli/parse/shell.js';
import { commands } from '../../commands/registry.js';

/** Every potctl command line of a Markdown text: lines of fenced blocks, and inline code. */
export function potctlLines(markdown: string): string[] {
  const fence = /^ *```\n([\s\S]*?)^ *```$/gm;
  const blocks = [...markdown.matchAll(fence)].flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'));
  const inline = [...markdown.replaceAll(fence, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline]
    .map((line) =>
      line
        .trim()
        .replace(/^\$ /, '')
        .replace(/ +# .*$/, ''),
    )
    .filter((line) => /^(\w+=\S* )*potctl /.test(line));
}

/**
 * Reads a command line as the program does, every flag's value included.
 *
 * @throws PotctlError E_USAGE as the program would
 */
export function readCommandLine(line: string): void {
  const words = shellWords(line);
  const parsed = parseCommandLine(words.slice(words.indexOf('potctl') + 1), commands);
  if (parsed.kind !== 'run') throw new Error(`'${line}' is not a command but ${parsed.kind}`);
  understand(parsed.command, parsed.raw, {});
}
