import { PotctlError } from '../../../src/kernel/errors.js';
import { choice, count, duration, flag, type Input, type InputSpec, moment, type Spec, text } from './options.js';

export const FORMATS = ['table', 'plain', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Flags of every command. They may stand before or after the noun. */
export const GLOBAL_FLAGS = {
  profile: text('-p, --profile <name>', 'profile to use'),
  output: choice('-o, --output <format>', FORMATS.join(', '), FORMATS),
  json: flag('--json', 'the same as -o json'),
  color: choice('--color <when>', 'auto, always or never', ['auto', 'always', 'never'], { default: 'auto' }),
  tz: text('--tz <zone>', 'time zone of displayed times: UTC, local or Area/City', { default: 'UTC' }),
  quiet: flag('-q, --quiet', 'print only errors and warnings'),
  verbose: flag('-v, --verbose', 'show more details'),
  debug: flag('--debug', 'print SQL statements, stack traces and Node.js warnings'),
  logFormat: choice('--log-format <format>', 'log format on stderr: text or json', ['text', 'json'], {
    default: 'text',
  }),
  timeout: duration('--timeout <duration>', 'stop after this time (exit 16)'),
  noInput: flag('--no-input', 'never prompt; fail and name the missing flag instead'),
  config: text('--config <file>', 'configuration file'),
  traceId: text('--trace-id <id>', '32 hex digits for logs and manifests (default: random)'),
} as const satisfies InputSpec;

/** Flags that say where a command works. They override POTCTL_*, libpq's variables and the profile. */
export const TARGET_FLAGS = {
  repository: text('--repository <name>', 'backup repository: its name in the profile, or a path'),
  files: text('--files <dir>', "directory with the application's files"),
  database: text('--database <name>', 'database name (PGDATABASE)'),
  passwordFile: text('--password-file <file>', 'file that contains the database password'),
} as const satisfies InputSpec;

/** What a command needs. */
export type Need = 'database' | 'repository' | 'files';

const NEED_OF: Readonly<Record<keyof typeof TARGET_FLAGS, Need>> = {
  repository: 'repository',
  files: 'files',
  database: 'database',
  passwordFile: 'database',
};

/** Returns the target flags, each with the need it belongs to. */
export function targetFlags(): { readonly spec: Spec<unknown>; readonly need: Need }[] {
  return Object.entries(NEED_OF).map(([key, need]) => ({ spec: TARGET_FLAGS[key as keyof typeof TARGET_FLAGS], need }));
}

export const CHANGE_FLAGS = {
  dryRun: flag('-n, --dry-run', 'show what would be done and change nothing'),
  yes: flag('-y, --yes', 'answer yes to questions; does not replace --confirm'),
  wait: duration('--wait <duration>', 'wait up to this long for a lock', { default: 0 }),
  reason: text('--reason <text>', 'reason to record for this change'),
  ticket: text('--ticket <id>', 'ticket to record for this change'),
  operator: text('--operator <name>', 'name to record instead of the current system user'),
} as const satisfies InputSpec;

/** @param typed what the name is, e.g. `the database name` */
export const confirmFlags = (typed: string) =>
  ({
    confirm: text('--confirm <name>', `confirm without a prompt: ${typed}`),
  }) as const satisfies InputSpec;

export const CONFIRM_FLAGS = confirmFlags('the name that the prompt asks for');

export const LIST_FLAGS = {
  limit: count('--limit <n>', 'maximum number of rows; 0 = all', { default: 50 }),
  cursor: text('--cursor <cursor>', 'continue after the previous page'),
  columns: text('--columns <names>', 'show these columns (id,age) or additional ones (+note)'),
  sort: text('--sort <names>', 'sort by column; -name for descending order'),
  wide: flag('-w, --wide', 'show all columns and do not truncate'),
  failOnEmpty: flag('--fail-on-empty', 'exit 10 if there are no rows'),
} as const satisfies InputSpec;

/** Flags of lists that are written while they are read, and so have a fixed order. */
export const STREAM_FLAGS: Omit<typeof LIST_FLAGS, 'sort'> = (({ sort: _sort, ...others }) => others)(LIST_FLAGS);

/** Flags of lists whose rows have a time. */
export const PERIOD_FLAGS = {
  since: moment('--since <time>', 'only at or after this time: 2026-11-22, 2026-11-22T09:30Z, or 36h (36 hours ago)'),
  until: moment('--until <time>', 'only up to this time; same formats as --since'),
} as const satisfies InputSpec;

/** A flag of the scripts that potctl replaces. It is recognized only to explain --confirm, and never shown in help. */
export const HABIT_FLAGS = {
  noConfirm: flag('--no-confirm', ''),
} as const satisfies InputSpec;

export type Globals = Input<typeof GLOBAL_FLAGS>;
export type Target = Input<typeof TARGET_FLAGS>;
export type Change = Input<typeof CHANGE_FLAGS> & Partial<Input<typeof CONFIRM_FLAGS>>;
export type ListOptions = Input<typeof LIST_FLAGS> & Input<typeof PERIOD_FLAGS>;

/** POTCTL_* variables that set a flag. POTCTL_PROFILE and POTCTL_CONFIG are read by the configuration. */
export const FLAG_VARIABLES: Readonly<Record<string, keyof typeof GLOBAL_FLAGS>> = {
  POTCTL_OUTPUT: 'output',
  POTCTL_COLOR: 'color',
  POTCTL_TZ: 'tz',
  POTCTL_LOG_FORMAT: 'logFormat',
  POTCTL_TIMEOUT: 'timeout',
  POTCTL_NO_INPUT: 'noInput',
  POTCTL_TRACE_ID: 'traceId',
  POTCTL_DEBUG: 'debug',
};

/**
 * Checks the values that depend on this machine, and returns the flags with the time zone's canonical name.
 *
 * @throws PotctlError E_USAGE for an unknown time zone or a malformed trace id
 */
export function checkGlobals(globals: Globals): Globals {
  const { traceId, tz } = globals;
  if (traceId !== undefined && !/^(?!0{32})[0-9a-f]{32}$/.test(traceId)) {
    throw new PotctlError('E_USAGE', `'--trace-id' takes 32 lower-case hex digits, not '${traceId}'`);
  }
  return { ...globals, tz: zoneOf(tz) };
}

function zoneOf(name: string): string {
  if (name.toUpperCase() === 'UTC') return 'UTC';
  try {
    const zone = name === 'local' ? undefined : name;
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    throw new PotctlError('E_USAGE', `'--tz' takes UTC, local or a zone such as Europe/Lisbon, not '${name}'`);
  }
}
