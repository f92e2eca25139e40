import { shellLine, shellQuoted } from './shell-quoted.js';

/** Where a proposed command runs, if not where the current command line does. */
export interface NextScope {
  readonly profile?: string;
  readonly database?: string;
  readonly repository?: string;
  readonly files?: string;
}

/** A potctl command to run next, as a value. Whoever prints it adds the profile, database and locations of the current command line. */
export interface NextCommand {
  /** The words after `potctl`, e.g. `['restore', 'undo', '5t2m8q3f7k']`, not quoted; the reader fills in `…`. */
  readonly command: readonly string[];
  readonly scope?: NextScope;
}

/** The current command line again, with changes. */
export interface Again {
  /** Flags to add or to replace, e.g. `['--wait', '30m']`, not quoted; empty = the line as typed. */
  readonly again: readonly string[];
  /** Flags to leave out, e.g. `['--yes']`. */
  readonly without?: readonly string[];
  /** Run as this user of the operating system, e.g. `postgres`. */
  readonly systemUser?: string;
  /** Variables set for this line, e.g. `{ PGUSER: 'app' }`. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Text with commands in it. */
export interface AdviceText {
  readonly advice: readonly (string | NextCommand | Again)[];
}

/** What to do or to know next, for people: text with commands that can be pasted. */
export type Advice = string | NextCommand | Again | AdviceText;

/** A potctl command from its words: `potctl('backup', 'show', id)`. The words are not quoted; the reader fills in `…`. */
export const potctl = (...command: readonly string[]): NextCommand => ({ command });

/** The current command line with these flags added or replaced: `again('--wait', '30m')`. */
export const again = (...flags: readonly string[]): Again => ({ again: flags });

/** The current command line as another user of the operating system: `asUser('postgres', { PGUSER: 'postgres' })`. */
export function asUser(systemUser: string, environment?: Readonly<Record<string, string>>): Again {
  return { again: [], systemUser, ...(environment && { environment }) };
}

/**
 * Text with commands in it: `` advice`See them: ${potctl('backup', 'list')}.` ``. Commands are printed in backticks, or bare after two
 * spaces. Other advice may be embedded.
 */
export function advice(texts: TemplateStringsArray, ...values: readonly (Advice | number)[]): Advice {
  const parts = texts.flatMap((text, at) => {
    const value = values[at];
    return [text, ...(value === undefined ? [] : partsOf(typeof value === 'number' ? String(value) : value))];
  });
  return joined(parts);
}

/** Several pieces of advice as one, with `separator` between them. */
export function joinAdvice(several: readonly Advice[], separator: string): Advice {
  return joined(several.flatMap((one, at) => [...(at === 0 ? [] : [separator]), ...partsOf(one)]));
}

/** Whether the value is advice other than plain text. */
export function isAdvice(value: unknown): value is Exclude<Advice, string> {
  if (typeof value !== 'object' || value === null) return false;
  const has = (key: string): boolean => Array.isArray((value as Record<string, unknown>)[key]);
  return has('advice') || has('again') || (has('command') && Object.keys(value).every((key) => IN_COMMAND.has(key)));
}

const IN_COMMAND: ReadonlySet<string> = new Set<keyof NextCommand>(['command', 'scope']);

/** The text and the commands of advice, in order. */
export function partsOf(given: Advice): readonly (string | NextCommand | Again)[] {
  return typeof given === 'object' && 'advice' in given ? given.advice : [given];
}

function joined(parts: readonly (string | NextCommand | Again)[]): Advice {
  const merged: (string | NextCommand | Again)[] = [];
  for (const part of parts) {
    const before = merged.at(-1);
    if (part === '') continue;
    if (typeof part === 'string' && typeof before === 'string') merged[merged.length - 1] = before + part;
    else merged.push(part);
  }
  const [only = ''] = merged;
  return merged.length > 1 ? { advice: merged } : only;
}

/** Drops duplicates; keeps the first of each. */
export function withoutRepeats(several: readonly Advice[]): readonly Advice[] {
  return [...new Map([...several].reverse().map((one) => [JSON.stringify(one), one])).values()].reverse();
}

/**
 * Renders advice as text for people. Each command can be pasted; it is in backticks, or bare if it stands alone or follows two spaces:
 * `` See `potctl backup show 7f3a`. ``. The call that returned the advice is rendered as `the same command`: `` the same command with `--wait 30m` ``.
 *
 * @param spell renders a command in another way, without backticks
 */
export function adviceText(given: Advice, spell?: (part: NextCommand | Again) => string): string {
  const parts = partsOf(given);
  return parts
    .map((part, at) => {
      if (typeof part === 'string') return part;
      const before = parts[at - 1];
      const isBare = parts.length === 1 || (typeof before === 'string' && before.endsWith('  '));
      const mark = isBare ? '' : '`';
      if (spell !== undefined) return mark + spell(part) + mark;
      return 'command' in part ? mark + commandText(part) + mark : againText(part, mark);
    })
    .join('');
}

function commandText({ command, scope: { profile, ...places } = {} }: NextCommand): string {
  const where = Object.entries(places).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, value]));
  const end = command.includes('--') ? command.indexOf('--') : command.length;
  const flags = [...(profile === undefined ? [] : ['-p', profile]), ...where];
  return `potctl ${shellLine([...command.slice(0, end), ...flags, ...command.slice(end)])}`;
}

function againText({ again: flags, without = [], systemUser, environment = {} }: Again, mark: string): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${shellQuoted(value)}`);
  const part = (word: string, what: readonly string[]): string[] =>
    what.length === 0 ? [] : [`${word} ${mark}${what.join(' ')}${mark}`];
  return [
    'the same command',
    ...part('without', without),
    ...part('with', [...variables, ...flags.map((flag) => shellLine([flag]))]),
    ...(systemUser === undefined ? [] : [`as the system user ${systemUser}`]),
  ].join(' ');
}
