import path from 'node:path';
import type { Invocation } from '../parse/invocation.js';
import { commandLine, shellQuoted } from '../parse/shell.js';

/** What a proposed command needs so that it works where this line did. */
export interface Aim {
  /** Variables of libpq that say which database, as a shell takes them in front of a command; with a space behind. */
  readonly environment: string;
  /** Each flag with its value, for every command but those that have no place. */
  readonly globals: readonly Flag[];
  /** For commands that look at a database. */
  readonly target: readonly Flag[];
  /** For `backup` and `restore`. */
  readonly places: readonly Flag[];
  /** For those of them that read the old scripts' backups where they lie. */
  readonly backupDir: readonly Flag[];
  /** This line, without the program's name. */
  readonly argv: readonly string[];
  /** The flags that this command knows, as `--limit`. */
  readonly known: readonly string[];
}

type Flag = readonly [flag: string, value: string];

/** They say whom a connection goes to; none of them is secret. */
const CONNECTION = [
  ...['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGUSER', 'PGDATABASE', 'PGSERVICE', 'PGSERVICEFILE', 'PGPASSFILE'],
  ...['PGSSLMODE', 'PGSSLROOTCERT', 'PGSSLCERT', 'PGSSLKEY'],
];

/**
 * Where this line works. A variable may have been set for this line alone (`PGDATABASE=app potctl …`), so it is repeated.
 *
 * @param known the flags of this command
 */
export function aimOf(
  { globals, target, input }: Invocation,
  argv: readonly string[],
  {
    environment,
    cwd,
  }: { readonly environment: Readonly<Record<string, string | undefined>>; readonly cwd: string | null },
  known: readonly string[],
): Aim {
  const given = (...pairs: readonly (readonly [string, string | undefined])[]): Flag[] =>
    pairs.flatMap(([flag, value]) => (value === undefined ? [] : [[flag, anywhere(flag, value, cwd)] as const]));
  // A profile that was named says it all.
  const variables = globals.profile === undefined ? CONNECTION.filter((name) => environment[name]) : [];
  return {
    environment: variables.map((name) => `${name}=${shellQuoted(environment[name]!)} `).join(''),
    globals: given(['--config', globals.config], ['-p', globals.profile]),
    target: given(['--database', target.database], ['--password-file', target.passwordFile]),
    places: given(['--files', target.files], ['--repository', target.repository]),
    backupDir: given(['--backup-dir', typeof input.backupDir === 'string' ? input.backupDir : undefined]),
    argv,
    known,
  };
}

/** An undo is pasted days later, from another directory. A repository may also be a key of the profile, or a bucket. */
function anywhere(flag: string, value: string, cwd: string | null): string {
  if (cwd === null) return value;
  if (flag === '-p' || flag === '--database' || value.includes('://')) return value;
  return flag === '--repository' && !value.includes('/') ? value : path.resolve(cwd, value);
}

const PLACELESS = /^(completion|demo|explain|help|version)\b|--help\b/;
const OFFLINE = /^config\b/;
const OLD_FOLDER = /^(backup (list|show|verify)|restore (plan|run|undo|list))\b/;

/**
 * The text with everything that a proposed command needs: each potctl command that begins the text, stands in backticks or behind a colon and
 * two spaces gets the flags and variables of this line that it lacks. What ends the text in backticks and is only a part of a command
 * becomes this line with that part: a flag (`--wait 30m`), or what goes in front of it (`sudo -u postgres`, `PGUSER=app`).
 */
export function aimed(text: string, aim: Aim): string {
  return text
    .replace(/`((?:--[a-z]|-p )[^`]*)`(?=[.;]?$)/, (part, flag: string) => withFlag(flag, aim) ?? part)
    .replace(
      /`(sudo -u \S+(?: PG[A-Z]+=\S+)?|PG[A-Z]+=\S+)`(?=[.;]?$)/,
      (_, front: string) => `\`${behind(front, aim)}\``,
    )
    .replace(/(`|^ *|: {2})potctl ([^`\n]+)/g, (_, before: string, rest: string) => {
      // Behind three spaces the sentence goes on.
      const [command = '', ...more] = rest.split(/(?= {3})/);
      return before + placed(command, aim) + more.join('');
    });
}

/** As {@link aimed}; what begins with the program's name is a sentence here. */
export function aimedWarning(text: string, aim: Aim): string {
  return text.startsWith('potctl ') ? text : aimed(text, aim);
}

function behind(front: string, { environment, argv }: Aim): string {
  const set = /PG[A-Z]+/.exec(front)?.[0];
  const kept = set === undefined ? environment : without(environment, set);
  return front.startsWith('sudo') ? `${front} ${kept}${commandLine(argv)}` : `${kept}${front} ${commandLine(argv)}`;
}

/** The variables but for one. */
const without = (environment: string, name: string): string =>
  environment.replace(new RegExp(`(^| )${name}=(?:'[^']*'|\\S)+ `), '$1');

/**
 * This line as another command of the same noun, about one thing: `restore plan latest --only db` → `restore run ID --only db`.
 *
 * @param typed what stands in the place of `argument` now
 */
export function asCommand(
  [from, to]: readonly [from: string, to: string],
  argument: string,
  typed: string | undefined,
  { argv }: Aim,
): string {
  const [noun, old] = from.split(' ');
  const verb = to.split(' ')[1]!;
  const at = argv.indexOf(noun!);
  const verbAt = argv.findIndex((word, place) => place > at && word === old);
  const words = argv.map((word, place) => (place === verbAt ? verb : word));
  const named = typed === undefined ? -1 : words.findIndex((word, place) => place > verbAt && word === typed);
  if (named >= 0) words[named] = argument;
  else words.splice(verbAt + 1, 0, argument);
  return `potctl ${words
    .filter((word) => word !== '--json')
    .map(shellQuoted)
    .join(' ')}`;
}

function placed(command: string, { environment, globals, target, places, backupDir }: Aim): string {
  if (PLACELESS.test(command)) return `potctl ${command}`;
  const isOffline = OFFLINE.test(command);
  const flags = [
    ...globals,
    ...(isOffline ? [] : target),
    ...(/^(backup|restore) /.test(command) ? places : []),
    ...(OLD_FOLDER.test(command) ? backupDir : []),
  ].filter(([flag]) => !has(command, flag));
  const added = flags.map(([flag, value]) => ` ${flag} ${shellQuoted(value)}`).join('');
  const isNamed = has(command, '--database') || target.some(([flag]) => flag === '--database');
  const front = isOffline ? '' : isNamed ? without(environment, 'PGDATABASE') : environment;
  return `${front}potctl ${command}${added}`;
}

function has(command: string, flag: string): boolean {
  const other = flag === '-p' ? '|--profile' : '';
  return new RegExp(`(^| )(${flag}${other})( |=|$)`).test(command);
}

/** This line with a flag in the place of the same one; undefined where the command has no such flag. */
function withFlag(flag: string, { argv, known, environment }: Aim): string | undefined {
  const name = /^\S+/.exec(flag)![0];
  if (!known.includes(name)) return undefined;
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const takesValue = flag.trim() !== name;
  const kept = argv
    .slice(0, end)
    .filter(
      (word, at, words) => word !== name && !word.startsWith(`${name}=`) && !(takesValue && words[at - 1] === name),
    );
  const rest = argv.length > end ? ` ${argv.slice(end).map(shellQuoted).join(' ')}` : '';
  return `\`${environment}${commandLine(kept)} ${flag}${rest}\``;
}
