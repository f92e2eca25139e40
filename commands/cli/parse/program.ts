import { Command, Option } from 'commander';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { AnyCommand } from '../../command.js';
import { GLOBAL_FLAGS, TARGET_FLAGS } from './globals.js';
import { flagsOf, type Noun, nounsOf, wordsOf } from './grammar.js';
import { commandHelp, nounHelp, rootHelp } from './help.js';
import { nameOf, type Spec } from './options.js';
import { unknownCommand, usageError } from './usage-error.js';

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: 'run'; readonly command: AnyCommand; readonly raw: RawInput }
  | { readonly kind: 'help'; readonly text: string; readonly ok: boolean }
  | { readonly kind: 'topic'; readonly words: readonly string[] }
  | { readonly kind: 'version' };

/** The values given on the command line: flags by their long name, the argument as `<argument>`. */
export type RawInput = Readonly<Record<string, unknown>>;

type Settle = (parsed: Parsed) => void;

/**
 * Parses a command line. Flags may stand before or after the noun.
 *
 * @throws PotctlError E_USAGE with a suggestion
 */
export function parseCommandLine(argv: readonly string[], commands: readonly AnyCommand[]): Parsed {
  let parsed: Parsed | undefined;
  const settle: Settle = (value) => {
    parsed ??= value;
  };
  const root = tree(commands, settle, new Set(argv));
  try {
    root.parse(argv, { from: 'user' });
  } catch (error) {
    if (parsed === undefined || error instanceof PotctlError) throw error;
  }
  return parsed ?? { kind: 'help', text: rootHelp(commands), ok: true };
}

/** Builds only the commands named on the line: all flags of all commands would take longer than the rest of the start. */
function tree(commands: readonly AnyCommand[], settle: Settle, words: ReadonlySet<string>): Command {
  const root = new Command('potctl');
  const tops = commands.filter(({ name }) => !name.includes(' '));
  const nouns = nounsOf(commands);
  const names = [...nouns.map(({ name }) => name), ...commands.map(({ name }) => name), 'help'];
  guard(root, settle, { help: () => rootHelp(commands), asked: true, names });
  addFlags(root, [...Object.values(GLOBAL_FLAGS), ...Object.values(TARGET_FLAGS)]);
  root.option('-V, --version');
  root.on('option:version', () => {
    settle({ kind: 'version' });
    throw new Error('the version was asked for');
  });
  for (const command of tops.filter(({ name }) => words.has(name))) addLeaf(root, command, settle);
  for (const noun of nouns.filter(({ name, plural }) => words.has(name) || words.has(plural))) {
    addNoun(root, noun, settle, words);
  }
  addHelp(root, [], settle);
  return root;
}

function addNoun(root: Command, noun: Noun, settle: Settle, words: ReadonlySet<string>): void {
  const group = root.command(noun.name).alias(noun.plural);
  const names = [...noun.commands.map((command) => wordsOf(command)[1]!), 'help'];
  guard(group, settle, { help: () => nounHelp(noun), asked: false, names });
  addFlags(group, [...Object.values(GLOBAL_FLAGS), ...Object.values(TARGET_FLAGS)]);
  for (const command of noun.commands) if (words.has(wordsOf(command)[1]!)) addLeaf(group, command, settle);
  addHelp(group, [noun.name], settle);
}

function addHelp(parent: Command, before: readonly string[], settle: Settle): void {
  const help = parent.command('help [words...]').allowUnknownOption();
  help.action((words: string[]) => settle({ kind: 'topic', words: [...before, ...words] }));
}

function addLeaf(parent: Command, command: AnyCommand, settle: Settle): void {
  const leaf = parent.command(wordsOf(command).at(-1)!);
  const flags = flagsOf(command);
  guard(leaf, settle, { help: () => commandHelp(command), asked: true, names: [] });
  addFlags(leaf, [...flags.own, ...flags.shared]);
  addFlags(leaf, flags.hidden, true);
  if (flags.argument) leaf.argument(flags.argument.declaration);
  leaf.action((...words: unknown[]) => {
    const given = flags.argument === undefined ? undefined : words[0];
    const raw = { ...rawFlags(leaf), ...(given === undefined ? {} : { '<argument>': given }) };
    settle({ kind: 'run', command, raw });
  });
}

function addFlags(command: Command, specs: readonly Spec<unknown>[], hidden = false): void {
  for (const spec of specs) {
    const option = new Option(spec.declaration).hideHelp(hidden);
    if (spec.takes === 'list') option.argParser((value: string, before?: string[]) => [...(before ?? []), value]);
    command.addOption(option);
  }
}

/** Returns only the given flags. The innermost one wins: `-p` after the noun overrides one before it. */
function rawFlags(leaf: Command): RawInput {
  const raw: Record<string, unknown> = {};
  for (let at: Command | null = leaf; at !== null; at = at.parent) {
    for (const option of at.options) {
      const name = option.attributeName();
      if (at.getOptionValueSource(name) !== 'cli') continue;
      const value = at.getOptionValue(name);
      if (option.negate !== (value === false)) continue;
      const key = nameOf(option.long ?? '');
      raw[key] ??= option.negate ? true : value;
    }
  }
  return raw;
}

interface Guarded {
  help(): string;
  /** True if naming this command alone asks for its help, and is not an error. */
  readonly asked: boolean;
  /** The commands below. */
  readonly names: readonly string[];
}

/** Keeps commander from writing and exiting: each of its exits becomes help or an E_USAGE with a suggestion. */
function guard(command: Command, settle: Settle, { help, asked, names }: Guarded): void {
  command.enablePositionalOptions();
  command.helpOption('-h, --help');
  command.helpCommand(false);
  command.showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  command.helpInformation = () => '';
  command.exitOverride((error) => {
    const wanted = error.code === 'commander.helpDisplayed';
    if (!wanted && error.code !== 'commander.help') throw usageError(error, command, names);
    const [word] = command.args;
    if (wanted && names.length > 0 && word !== undefined && !word.startsWith('-') && !names.includes(word))
      throw unknownCommand(word, command.parent === null ? 'potctl' : `potctl ${command.name()}`, names);
    settle({ kind: 'help', text: help(), ok: wanted || asked });
    throw error;
  });
}
