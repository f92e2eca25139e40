import type { Invocation } from './invocation.js';
import { shellQuoted } from './shell.js';

/** Flags that say where a command line works. */
export interface Aim {
  /** Environment and database, for every command that looks at one. */
  readonly target: string;
  /** Where backups rest and files lie, for `backup` and `restore`. */
  readonly places: string;
}

/** Those of this line: whoever copies the next command must not land in the default profile with it. */
export function aimOf({ globals, target }: Invocation): Aim {
  const flags = (pairs: readonly (readonly [string, string | undefined])[]): string =>
    pairs.map(([flag, value]) => (value === undefined ? '' : ` ${flag} ${shellQuoted(value)}`)).join('');
  return {
    target: flags([
      ['--config', globals.config],
      ['-p', globals.profile],
      ['--database', target.database],
      ['--password-file', target.passwordFile],
    ]),
    places: flags([
      ['--files', target.files],
      ['--repository', target.repository],
    ]),
  };
}

const AIMLESS =
  /^(completion|config|demo|explain|help|version)\b|--help\b|(^| )(-p|--profile|--config|--database|--repository) /;

/** The text with these flags behind every potctl command in it that has none: a line that begins with one, or what stands in backticks. */
export function aimed(text: string, { target, places }: Aim): string {
  const add = (whole: string, before: string, command: string): string => {
    if (AIMLESS.test(command)) return whole;
    return `${before}potctl ${command}${target}${/^(backup|restore) /.test(command) ? places : ''}`;
  };
  return text.replace(/(`|^Next: {2}|^)potctl ([^`\n]+)/g, add);
}
