import { shellQuoted } from '../../../src/kernel/shell-quoted.js';
import type { AnyCommand } from '../../command.js';
import { GLOBAL_FLAGS, TARGET_FLAGS } from './globals.js';
import { type CommandFlags, flagsOf, kindFlags, type Noun, nounsOf, wordsOf } from './grammar.js';
import { type InputSpec, nameOf, type Spec } from './options.js';
import { shellWords } from './shell.js';

const WIDTH = 80;
/** Columns in front of a text: of a flag, and of a command in a listing, where each summary must fit on one line. */
const FLAG = 30;
const LISTED = 22;

/** `potctl --help`. */
export function rootHelp(commands: readonly AnyCommand[]): string {
  const tops = commands.filter(({ name }) => !name.includes(' '));
  return sections([
    'potctl backs up, restores and troubleshoots applications on PostgreSQL.',
    block('Examples', [
      '  potctl demo                                take a tour with sample data',
      '  PGDATABASE=app potctl backup create --files ./storage --repository ./backups',
      '  potctl restore plan latest -p prod         show what a restore would do',
    ]),
    ...nounsOf(commands).map((noun) =>
      block(
        noun.name,
        noun.commands.map((command) => pair(command.name, command.summary, LISTED)),
      ),
    ),
    block('Other commands', [
      ...tops.map((command) => pair(command.name, command.summary, LISTED)),
      pair('help TOPIC', 'show help on a topic: exit-codes, environment', LISTED),
    ]),
    block('Global flags', flagLines(Object.values(GLOBAL_FLAGS))),
    'Most used:  potctl backup create · potctl backup list · potctl restore plan',
  ]);
}

/** `potctl backup --help`. */
export function nounHelp(noun: Noun): string {
  const examples = noun.commands.flatMap((command) => command.examples.slice(0, 1));
  return sections([
    block('Examples', examples.slice(0, 4).flatMap(exampleLines)),
    block(
      'Commands',
      noun.commands.map((command) => pair(command.name, command.summary, LISTED)),
    ),
    `Most used:  ${mostUsed(noun).join(' · ')}`,
  ]);
}

/** `potctl backup create --help`: examples first. */
export function commandHelp(command: AnyCommand): string {
  const flags = flagsOf(command);
  const kind = new Set(Object.values(kindFlags(command)).map((spec) => nameOf(spec.declaration)));
  const ofKind = flags.shared.filter((spec) => kind.has(nameOf(spec.declaration)));
  const target = within(flags, TARGET_FLAGS);
  return sections([
    wrapped(`potctl ${command.name}: ${command.summary}`, '', '  ').join('\n'),
    block('Examples', command.examples.flatMap(exampleLines)),
    block('Usage', [`  potctl ${command.name}${flags.argument ? ` ${flags.argument.declaration}` : ''} [flags]`]),
    block('Argument', flags.argument ? [pair(flags.argument.declaration, describe(flags.argument))] : []),
    block('Flags', flagLines(flags.own)),
    block(['list', 'stream'].includes(command.kind) ? 'List flags' : 'Change flags', flagLines(ofKind)),
    block('Target flags', flagLines(target)),
    block('Global flags', flagLines(within(flags, GLOBAL_FLAGS))),
  ]);
}

/** Returns an example as help shows it: indented, and split with `\` if it is wider than the page. */
export function exampleLines(example: string): string[] {
  if (example.length <= WIDTH - 2) return [`  ${example}`];
  const lines = [''];
  for (const word of shellWords(example).map((word) => (/^\w+=/.test(word) ? word : shellQuoted(word)))) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (`${line} ${word}`.length <= WIDTH - 6) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.map((line, at) => `  ${line}${at < lines.length - 1 ? ' \\' : ''}`);
}

function within(flags: CommandFlags, group: InputSpec): Spec<unknown>[] {
  const names = new Set(Object.values(group).map((spec) => nameOf(spec.declaration)));
  return flags.shared.filter((spec) => names.has(nameOf(spec.declaration)));
}

function flagLines(specs: readonly Spec<unknown>[]): string[] {
  return specs.map((spec) =>
    pair(spec.declaration.startsWith('--') ? `    ${spec.declaration}` : spec.declaration, describe(spec)),
  );
}

function describe(spec: Spec<unknown>): string {
  const choices =
    spec.choices && !spec.choices.every((name) => spec.summary.includes(name)) ? `: ${spec.choices.join(', ')}` : '';
  return `${spec.summary}${choices}${spec.preset === undefined ? '' : ` (default ${spec.preset})`}`;
}

/** `  name        text`, wrapped into the second column. */
function pair(name: string, text: string, column = FLAG): string {
  const [first = '', ...rest] = wrapped(text, '', ' '.repeat(column), WIDTH - column);
  const head = `  ${name}`;
  const lines = head.length > column - 2 ? [head, `${' '.repeat(column)}${first}`] : [`${head.padEnd(column)}${first}`];
  return [...lines, ...rest].join('\n');
}

function wrapped(text: string, first: string, next: string, width = WIDTH): string[] {
  const lines = [first];
  let room = width;
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    const begun = line.trim() !== '';
    if (begun && line.trimStart().length + 1 + word.length > room) {
      lines.push(next + word);
      room = width;
    } else lines[lines.length - 1] = begun ? `${line} ${word}` : line + word;
  }
  return lines;
}

function mostUsed(noun: Noun): string[] {
  const order = ['create', 'plan', 'run', 'list', 'show', 'status'];
  const rank = (command: AnyCommand): number => (order.indexOf(wordsOf(command)[1]!) + 99) % 99;
  return [...noun.commands]
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, 3)
    .map((command) => ['potctl', command.name, neededArgument(command)].join(' ').trim());
}

/** `<user>` → `USER`; empty for an optional argument. */
function neededArgument(command: AnyCommand): string {
  const declaration = flagsOf(command).argument?.declaration ?? '';
  return declaration.startsWith('<') ? declaration.slice(1, -1).toUpperCase() : '';
}

function block(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.join('\n')}`;
}

function sections(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
