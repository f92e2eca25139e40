/** Where a proposed command works, when that is not where the present command line works. */
export interface NextScope {
  readonly profile?: string;
  readonly database?: string;
  readonly repository?: string;
  readonly files?: string;
}

/** A potctl command to type next, as a value. Whoever prints it adds the profile, database and places of the present command line. */
export interface NextCommand {
  /** The words after `potctl`, e.g. `['restore', 'undo', '5t2m8q3f7k']`. */
  readonly command: readonly string[];
  readonly scope?: NextScope;
}

/** The present command line again, changed. */
export interface Again {
  /** Flags to add or to replace, e.g. `['--wait', '30m']`; empty = the line as it was typed. */
  readonly again: readonly string[];
  /** As this user of the operating system, e.g. `postgres`. */
  readonly systemUser?: string;
  /** Variables set for this line, e.g. `{ PGUSER: 'app' }`. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What to do next, for people: text with commands in it, each of which can be pasted. */
export type Advice = string | readonly (string | NextCommand | Again)[];
