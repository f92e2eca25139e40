import { Command, type CommanderError, Option } from 'commander';
import { PotctlError } from '../src/errors.js';
import type { AnyCommand } from './command.js';
import { GLOBAL_FLAGS, TARGET_FLAGS } from './globals.js';
import { flagsOf, type Noun, nounsOf, wordsOf } from './grammar.js';
import { commandHelp, nounHelp, rootHelp } from './help.js';
import { nameOf, type Spec } from './options.js';
import { closest, suggestion } from './suggest.js';

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: 'run'; readonly command: AnyCommand; readonly raw: RawInput }
  | { readonly kind: 'help'; readonly text: string; readonly ok: boolean }
  | { readonly kind: 'topic'; readonly words: readonly string[] }
  | { readonly kind: 'version' };

/** What was given on the command line and nothing else: flags by their long name, the argument as `<argument>`. */
export type RawInput = Readonly<Record<string, unknown>>;

/**
 * Reads a command line. Flags may stand before or after the noun.
 *
 * @throws PotctlError E_USAGE with what was probably meant
 */
export function parseCommandLine(argv: readonly string[], commands: readonly AnyCommand[]): Parsed {
  let parsed: Parsed | undefined;
  const settle = (value: Parsed): void => {
    parsed ??= value;
  };
  const root = tree(commands, settle);
  try {
    root.parse(argv, { from: 'user' });
  } catch (error) {
    if (parsed === undefined || error instanceof PotctlError) throw error;
  }
  return parsed ?? { kind: 'help', text: rootHelp(commands), ok: true };
}

function tree(commands: readonly AnyCommand[], settle: (parsed: Parsed) => void): Command {
  const root = new Command('potctl').enablePositionalOptions();
  addFlags(root, [...Object.values(GLOBAL_FLAGS), ...Object.values(TARGET_FLAGS)]);
  root.option('-V, --version');
  root.on('option:version', () => settle({ kind: 'version' }));
  guard(root, settle, () => rootHelp(commands), true);
  for (const command of commands.filter(({ name }) => !name.includes(' '))) addLeaf(root, command, settle);
  for (const noun of nounsOf(commands)) addNoun(root, noun, settle);
  const help = root.command('help [words...]').allowUnknownOption();
  help.action((words: string[]) => settle({ kind: 'topic', words }));
  return root;
}

function addNoun(root: Command, noun: Noun, settle: (parsed: Parsed) => void): void {
  const group = root.command(noun.name).alias(noun.plural).enablePositionalOptions();
  addFlags(group, [...Object.values(GLOBAL_FLAGS), ...Object.values(TARGET_FLAGS)]);
  guard(group, settle, () => nounHelp(noun), false);
  for (const command of noun.commands) addLeaf(group, command, settle);
  const help = group.command('help [words...]').allowUnknownOption();
  help.action((words: string[]) => settle({ kind: 'topic', words: [noun.name, ...words] }));
}

function addLeaf(parent: Command, command: AnyCommand, settle: (parsed: Parsed) => void): void {
  const leaf = parent.command(wordsOf(command).at(-1)!);
  const flags = flagsOf(command);
  addFlags(leaf, [...flags.own, ...flags.shared, ...flags.hidden]);
  if (flags.argument) leaf.argument(flags.argument.declaration);
  guard(leaf, settle, () => commandHelp(command), true);
  leaf.action((...words: unknown[]) => {
    const given = flags.argument === undefined ? undefined : words[0];
    settle({
      kind: 'run',
      command,
      raw: { ...rawFlags(leaf), ...(given === undefined ? {} : { '<argument>': given }) },
    });
  });
}

function addFlags(command: Command, specs: readonly Spec<unknown>[]): void {
  for (const spec of specs) {
    const option = new Option(spec.declaration);
    if (spec.takes === 'list') option.argParser((value: string, before?: string[]) => [...(before ?? []), value]);
    command.addOption(option);
  }
}

/** Only what was given, from the root down: `-p` behind the noun wins over one before it. */
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

/** commander must neither write nor exit: each of its endings becomes help or an E_USAGE that says what was probably meant. */
function guard(command: Command, settle: (parsed: Parsed) => void, help: () => string, showsHelp: boolean): void {
  command.helpOption('-h, --help');
  command.helpCommand(false);
  command.showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  command.helpInformation = help;
  command.exitOverride((error) => {
    const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    if (asked || error.code === 'commander.help') settle({ kind: 'help', text: help(), ok: asked || showsHelp });
    else throw usageError(error, command);
    throw error;
  });
}

function usageError(error: CommanderError, command: Command): PotctlError {
  const given = /'(.*)'/s.exec(error.message)?.[1] ?? '';
  const path = pathOf(command);
  const helpLine = `See \`${path} --help\`.`;
  if (error.code === 'commander.unknownOption') return unknownFlag(given, command, helpLine);
  if (error.code === 'commander.unknownCommand') {
    const names = command.commands.map((sub) => sub.name());
    return new PotctlError('E_USAGE', `'${path}' has no command '${given}'`, {
      fix: closest(given, names)
        .map((name) => `Did you mean \`${path} ${name}\`?`)
        .concat(helpLine),
    });
  }
  if (error.code === 'commander.optionMissingArgument') {
    return new PotctlError('E_USAGE', `'${given.split(/[ ,]+/).find((word) => word.startsWith('--'))}' needs a value`, {
      fix: [helpLine],
    });
  }
  if (error.code === 'commander.missingArgument') {
    return new PotctlError('E_USAGE', `'${path}' needs its argument <${given}>`, { fix: [helpLine] });
  }
  if (error.code === 'commander.excessArguments') {
    const takes = command.registeredArguments.length === 0 ? 'no argument' : 'one argument';
    return new PotctlError('E_USAGE', `'${path}' takes ${takes}, not '${command.args.join(' ')}'`, { fix: [helpLine] });
  }
  return new PotctlError('E_USAGE', error.message.replace(/^error: /, ''), { fix: [helpLine] });
}

function unknownFlag(given: string, command: Command, helpLine: string): PotctlError {
  const name = given.split('=')[0]!;
  const flags = command.options.filter((option) => option.hidden !== true).map((option) => option.long ?? '');
  const near = suggestion(name, flags).fix ?? [];
  const behind = command.commands.length > 0 ? ['Flags of a command stand behind it.'] : [];
  return new PotctlError('E_USAGE', `'${pathOf(command)}' has no flag '${name}'`, {
    fix: [...near, ...behind, helpLine],
  });
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
