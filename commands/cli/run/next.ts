import path from 'node:path';
import {
  type Advice,
  type Again,
  adviceText,
  isAdvice,
  type NextCommand,
  type NextScope,
} from '../../../src/kernel/next.js';
import { shellLine, shellQuoted } from '../../../src/kernel/shell-quoted.js';
import type { AnyCommand } from '../../command.js';
import type { Need } from '../parse/globals.js';
import { flagsOf, wordsOf } from '../parse/grammar.js';
import type { Invocation } from '../parse/invocation.js';
import { nameOf, type Spec } from '../parse/options.js';
import { commandLine, withMore } from '../parse/shell.js';

/** Where this command line works: what a suggested command must repeat to work in the same place. */
export interface Here {
  /** Variables that choose profile and database. */
  readonly variables: Variables;
  /** Settings from variables that also have a flag; repeating this line uses the flags. */
  readonly fromVariables: readonly Flag[];
  /** `--config` and `-p`, for every command that reads the configuration. */
  readonly globals: readonly Flag[];
  /** Target flags of this line, for the commands that need them. */
  readonly target: Readonly<Record<Need, readonly Flag[]>>;
  /** `--backup-dir`, for the commands that have it. */
  readonly backupDir: readonly Flag[];
  /** This line without the program's name; null if it could not be parsed. */
  readonly argv: readonly string[] | null;
  /** The flags of this command. */
  readonly known: readonly Spec<unknown>[];
  /** All commands, with what they need. */
  readonly commands: readonly AnyCommand[];
}

type Flag = readonly [flag: string, value: string];
type Variables = Readonly<Record<string, string>>;

/** Variables that choose the connection; none is secret. A profile named by a variable does not count as `-p`. */
const REPEATED = [
  ...['POTCTL_PROFILE', 'PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGUSER', 'PGDATABASE', 'PGSERVICE', 'PGSERVICEFILE'],
  ...['PGPASSFILE', 'PGSSLMODE', 'PGSSLROOTCERT', 'PGSSLCERT', 'PGSSLKEY'],
];

/** For a line that could not be parsed: nothing is known. */
export const NOWHERE: Here = {
  ...{ variables: {}, fromVariables: [], globals: [], backupDir: [], argv: null, known: [], commands: [] },
  target: { database: [], repository: [], files: [] },
};

/** Returns where this line works. Variables are repeated, since they may be set for this line only (`PGDATABASE=app potctl …`). */
export function hereOf(
  { command, globals, target, input }: Pick<Invocation, 'command' | 'globals' | 'target' | 'input'>,
  argv: readonly string[],
  surroundings: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    /** null if it was deleted; relative paths then stay relative. */
    readonly cwd: string | null;
    readonly commands: readonly AnyCommand[];
  },
): Here {
  const { environment, cwd, commands } = surroundings;
  const flags = flagsOf(command);
  const known = [...flags.own, ...flags.shared];
  // `backup show --files` also takes patterns.
  const hasPatterns = flags.own.some(({ declaration }) => nameOf(declaration) === 'files');
  const files = hasPatterns && target.files !== undefined && !isPath(target.files) ? undefined : target.files;
  const given = (...pairs: readonly (readonly [string, string | undefined])[]): Flag[] =>
    pairs.flatMap(([flag, value]) => (value === undefined ? [] : [[flag, anywhere(flag, value, cwd)] as const]));
  const set = (flag: string, name: string, typed: string | undefined): Flag[] =>
    typed === undefined ? given([flag, environment[name] || undefined]) : [];
  const config = set('--config', 'POTCTL_CONFIG', globals.config);
  const filesSet = set('--files', 'POTCTL_FILES', files);
  const repository = set('--repository', 'POTCTL_REPOSITORY', target.repository);
  // A named profile needs no variables.
  const variables = globals.profile === undefined ? REPEATED.filter((name) => environment[name]) : [];
  return {
    variables: Object.fromEntries(variables.map((name) => [name, environment[name]!])),
    fromVariables: [...config, ...(hasPatterns ? [] : filesSet), ...repository].filter(([flag]) => {
      return !command.standalone && specIn(known, flag) !== undefined;
    }),
    globals: [...given(['--config', globals.config]), ...config, ...given(['-p', globals.profile])],
    target: {
      database: given(['--database', target.database], ['--password-file', target.passwordFile]),
      files: [...given(['--files', files]), ...filesSet],
      repository: [...given(['--repository', target.repository]), ...repository],
    },
    backupDir: given(['--backup-dir', typeof input.backupDir === 'string' ? input.backupDir : undefined]),
    argv,
    known,
    commands,
  };
}

const isPath = (value: string): boolean => /^(\.{0,2}\/|\.{1,2}$)/.test(value);

/** Makes a path absolute, since an undo may be pasted days later in another directory. A repository may also be a profile key or a bucket. */
function anywhere(flag: string, value: string, cwd: string | null): string {
  if (cwd === null) return value;
  if (flag === '-p' || flag === '--database' || value.includes('://')) return value;
  // In a variable the shell has not expanded `~`; potctl does that itself.
  if (flag !== '--config' && (value === '~' || value.startsWith('~/'))) return value;
  return flag === '--repository' && !value.includes('/') ? value : path.resolve(cwd, value);
}

/** Formats advice for people: commands in backticks, or bare if they are alone on the line or follow two spaces. */
export const spelled = (given: Advice, here: Here): string => adviceText(given, (part) => lineOf(part, here));

/** Returns a copy of a value in which all advice is text, for JSON. */
export function withSpelled(value: unknown, here: Here): unknown {
  if (isAdvice(value)) return spelled(value, here);
  if (Array.isArray(value)) return value.map((item) => withSpelled(item, here));
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return withSpelled(value.toJSON(), here);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSpelled(item, here)]));
}

const lineOf = (part: NextCommand | Again, here: Here): string =>
  'command' in part ? commandText(part, here) : againText(part, here);

function commandText({ command, scope = {} }: NextCommand, here: Here): string {
  const found = here.commands.find((known) => wordsOf(known).every((word, at) => command[at] === word));
  if (found === undefined || found.standalone || command.includes('--help')) return `potctl ${shellLine(command)}`;
  const inOrder = ['database', 'files', 'repository'] as const;
  const needed = inOrder.filter((need) => found.needs.includes(need));
  const flags: Flag[] = [
    ...(scope.profile === undefined ? [] : [['-p', scope.profile] as const]),
    ...here.globals,
    ...needed.flatMap((need) => [...elsewhere(need, scope), ...here.target[need]]),
    ...('backupDir' in found.input ? here.backupDir : []),
  ];
  const added = flags.filter(([flag], at) => {
    return !isGiven(command, flag) && flags.findIndex(([other]) => other === flag) === at;
  });
  const words = withMore(command, added.flat());
  const variables = needed.includes('database') ? here.variables : onlyProfile(here.variables);
  return `${variablesText(variables, words)}potctl ${shellLine(words)}`;
}

const elsewhere = (need: Need, scope: NextScope): readonly Flag[] =>
  scope[need] === undefined ? [] : [[`--${need}`, scope[need]]];

const onlyProfile = (variables: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => name === 'POTCTL_PROFILE'));

/** The variables before a line. A database or profile named by a flag needs none. */
function variablesText(variables: Variables, words: readonly string[]): string {
  if (isGiven(words, '-p')) return '';
  const isNamed = isGiven(words, '--database');
  return Object.entries(variables)
    .filter(([name]) => name !== 'PGDATABASE' || !isNamed)
    .map(([name, value]) => `${name}=${shellQuoted(value)} `)
    .join('');
}

function isGiven(words: readonly string[], flag: string): boolean {
  const names = flag === '-p' ? ['-p', '--profile'] : [flag];
  return words.some((word) => names.some((name) => word === name || word.startsWith(`${name}=`)));
}

/** This line with changed flags; only the flags if its command does not have them. */
function againText({ again: flags, without = [], systemUser, environment = {} }: Again, here: Here): string {
  const front = [
    ...(systemUser === undefined ? [] : ['sudo', '-u', shellQuoted(systemUser)]),
    ...Object.entries(environment).map(([name, value]) => `${name}=${shellQuoted(value)}`),
  ].join(' ');
  const named = flags.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split('=')[0]!);
  if (here.argv === null || named.some((name) => specOf(name, here) === undefined)) {
    return [front, ...flags.map(shellQuoted)].filter((word) => word !== '').join(' ');
  }
  const gone = [...named.filter((name) => !isList(name, here)), ...without];
  const set = here.fromVariables.filter(([flag]) => !gone.includes(flag));
  const words = withMore(withoutFlags(here.argv, gone, here), [...set.flat(), ...flags]);
  const kept = Object.fromEntries(Object.entries(here.variables).filter(([name]) => !(name in environment)));
  const variables = variablesText(kept, words);
  const line = commandLine(words);
  if (front === '') return variables + line;
  return systemUser === undefined ? `${variables}${front} ${line}` : `${front} ${variables}${line}`;
}

const specOf = (name: string, { known }: Here): Spec<unknown> | undefined => specIn(known, name);

function specIn(known: Here['known'], name: string): Spec<unknown> | undefined {
  return known.find(({ declaration }) => namesOf(declaration).includes(name));
}

/** `-p, --profile <name>` → `-p`, `--profile`. */
const namesOf = (declaration: string): string[] => declaration.match(/--?[a-z][a-z0-9-]*/g) ?? [];

/** A repeatable flag is added to those already given. */
const isList = (name: string, here: Here): boolean => specOf(name, here)?.takes === 'list';

function withoutFlags(argv: readonly string[], flags: readonly string[], here: Here): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const gone = new Map(
    flags.flatMap((flag) => {
      const spec = specOf(flag, here);
      const takesValue = spec !== undefined && spec.takes !== 'flag';
      return (spec === undefined ? [flag] : namesOf(spec.declaration)).map((name) => [name, takesValue] as const);
    }),
  );
  return argv.filter((word, at) => {
    if (at >= end) return true;
    const isValue = at > 0 && gone.get(argv[at - 1]!) === true;
    return !isValue && !gone.has(word) && !(word.startsWith('--') && gone.has(word.split('=')[0]!));
  });
}

/**
 * Returns this line as another command of the same noun: `restore plan latest --only db` → `restore run ID --only db`.
 *
 * @param typed the current positional argument, which `argument` replaces
 */
export function asCommand(
  [from, to]: readonly [from: string, to: string],
  argument: string,
  typed: string | undefined,
  { argv, variables, fromVariables }: Pick<Here, 'argv' | 'variables' | 'fromVariables'>,
): string {
  const [noun, old] = from.split(' ');
  const verb = to.split(' ')[1]!;
  const line = argv ?? [];
  const at = line.indexOf(noun!);
  const verbAt = line.findIndex((word, place) => place > at && word === old);
  const words = line.map((word, place) => (place === verbAt ? verb : word));
  const named = typed === undefined ? -1 : words.findIndex((word, place) => place > verbAt && word === typed);
  if (named >= 0) words[named] = argument;
  else words.splice(verbAt + 1, 0, argument);
  const kept = withMore(
    words.filter((word) => word !== '--json'),
    fromVariables.flat(),
  );
  return variablesText(variables, kept) + commandLine(kept);
}
