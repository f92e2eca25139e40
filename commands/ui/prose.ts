import { bare, escaped, wrapPainted } from './paint.js';

/** `PGHOST=… potctl …`, or `potctl …` with flags. It is copied and pasted as one line, so only the terminal may break it. */
const COMMAND = /^ *((?:[A-Z_]+=\S+ )+potctl |potctl .* --?[a-z])/;
/** A command behind two spaces: `Next:  potctl doctor`. */
const PROPOSED = / {2}(?:sudo -u \S+ )?(?:[A-Z_]+=\S+ )*potctl [a-z]/;

/** Returns whether a line is a command as a whole. It may be painted. */
export const isCommand = (line: string): boolean => COMMAND.test(bare(line));

/** Spaces in times, counts and sizes, at which no line is broken: `2026-11-22 09:51:06Z`, `(2h ago)`, `4 812 331`, `7.0 MiB`. */
const FIXED_BLANK = /(?<=\d-\d\d) (?=\d\d:)|(?<=\(\S+) (?=ago\))|(?<=\d) (?=\d{3}\b|[KMGTP]?i?B\b)/g;
const FIGURE_SPACE = '\u2007';

/** Replaces the spaces in times, counts and sizes, at which no line may be broken. {@link unglued} puts them back. */
export const glued = (text: string): string => text.replace(FIXED_BLANK, FIGURE_SPACE);

export const unglued = (text: string): string => text.replaceAll(FIGURE_SPACE, ' ');

/** Replaces the spaces in commands between backquotes, so that they stay on one line. {@link unglued} puts them back. */
export const gluedCommands = (text: string): string =>
  text.replace(/`[^`]+`/g, (command) => command.replaceAll(' ', FIGURE_SPACE));

/**
 * Breaks a line of prose between words into lines of at most `width` columns, each indented as its beginning. Commands stay on one line, so
 * that they can be pasted. The line may be painted.
 *
 * @param width undefined = not a terminal: nothing is broken
 */
export function wrapProse(line: string, width: number | undefined): string[] {
  if (width === undefined) return [line];
  const text = bare(line);
  if (isCommand(text) || PROPOSED.test(text)) return [line];
  const indent = /^ *(?:[!·→☎-] )?/.exec(text)![0].length;
  return wrapPainted(gluedCommands(glued(escaped(line))), width, ' '.repeat(indent)).map(unglued);
}
