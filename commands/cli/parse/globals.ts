import { PotctlError } from '../../../src/kernel/errors.js';
import { choice, count, duration, flag, type Input, type InputSpec, moment, type Spec, text } from './options.js';

export const FORMATS = ['table', 'plain', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Before or after the noun, in every command. */
export const GLOBAL_FLAGS = {
  profile: text('-p, --profile <name>', 'target environment of the configuration'),
  output: choice('-o, --output <format>', FORMATS.join(', '), FORMATS),
  json: flag('--json', 'the same as -o json'),
  color: choice('--color <when>', 'auto, always or never', ['auto', 'always', 'never'], { default: 'auto' }),
  tz: text('--tz <zone>', 'UTC, local or Area/City for times on the screen', { default: 'UTC' }),
  quiet: flag('-q, --quiet', 'errors and warnings only'),
  verbose: flag('-v, --verbose', 'say more'),
  debug: flag('--debug', 'statements, stacks and warnings of the runtime'),
  logFormat: choice('--log-format <format>', 'text or json, for stderr', ['text', 'json'], { default: 'text' }),
  timeout: duration('--timeout <duration>', 'stop after that time (exit 16)'),
  noInput: flag('--no-input', 'never ask: refuse and name the flag'),
  config: text('--config <file>', 'configuration file'),
  traceId: text('--trace-id <id>', '32 hex digits that go into logs and manifests; else new'),
} as const satisfies InputSpec;

/** Where a command works: over the profile, POTCTL_* and the variables of libpq. */
export const TARGET_FLAGS = {
  repository: text('--repository <name>', 'where backups rest: a key of the profile, or a path'),
  files: text('--files <dir>', 'the directory with the files of the application'),
  database: text('--database <name>', 'name of the database (PGDATABASE)'),
  passwordFile: text('--password-file <file>', 'file with the password of the database role'),
} as const satisfies InputSpec;

/** What a command opens. */
export type Need = 'database' | 'repository' | 'files';

const NEED_OF: Readonly<Record<keyof typeof TARGET_FLAGS, Need>> = {
  repository: 'repository',
  files: 'files',
  database: 'database',
  passwordFile: 'database',
};

/** The flags that say where that is, each with what it belongs to. */
export function targetFlags(): { readonly spec: Spec<unknown>; readonly need: Need }[] {
  return Object.entries(NEED_OF).map(([key, need]) => ({ spec: TARGET_FLAGS[key as keyof typeof TARGET_FLAGS], need }));
}

export const CHANGE_FLAGS = {
  dryRun: flag('-n, --dry-run', 'stop before the first change, and say what would be done'),
  yes: flag('-y, --yes', 'answer yes to questions, but not for what needs --confirm'),
  wait: duration('--wait <duration>', 'wait that long for a lock', { default: 0 }),
  reason: text('--reason <text>', 'why, for the record'),
  ticket: text('--ticket <id>', 'ticket, for the record'),
  operator: text('--operator <name>', 'who does it, if not the user of this session'),
} as const satisfies InputSpec;

export const CONFIRM_FLAGS = {
  confirm: text('--confirm <name>', 'the name that would have to be typed, for scripts'),
} as const satisfies InputSpec;

export const LIST_FLAGS = {
  limit: count('--limit <n>', 'rows at most; 0 = all', { default: 50 }),
  cursor: text('--cursor <cursor>', 'go on where the last page ended'),
  columns: text('--columns <names>', 'id,age or +wide: these columns, or more of them'),
  sort: text('--sort <names>', 'name, or -name for the largest first'),
  wide: flag('-w, --wide', 'all columns, nothing cut'),
  failOnEmpty: flag('--fail-on-empty', 'exit 10 when there are no rows'),
} as const satisfies InputSpec;

/** Of lists that are written while they are read: they have one order. */
export const STREAM_FLAGS: Omit<typeof LIST_FLAGS, 'sort'> = (({ sort: _sort, ...others }) => others)(LIST_FLAGS);

/** Of lists whose rows have a time. */
export const PERIOD_FLAGS = {
  since: moment('--since <time>', 'not older: 2026-11-22, 2026-11-22T09:30Z, or 36h for so long ago'),
  until: moment('--until <time>', 'not newer; the same forms'),
} as const satisfies InputSpec;

/** Spelt out by the scripts that potctl replaces; accepted to be answered, never shown. */
export const HABIT_FLAGS = {
  noConfirm: flag('--no-confirm', ''),
} as const satisfies InputSpec;

export type Globals = Input<typeof GLOBAL_FLAGS>;
export type Target = Input<typeof TARGET_FLAGS>;
export type Change = Input<typeof CHANGE_FLAGS> & Partial<Input<typeof CONFIRM_FLAGS>>;
export type ListOptions = Input<typeof LIST_FLAGS> & Input<typeof PERIOD_FLAGS>;

/** POTCTL_* variables that stand for a flag. POTCTL_PROFILE and POTCTL_CONFIG belong to the configuration. */
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
 * Checks the values that only this machine can judge.
 *
 * @throws PotctlError E_USAGE for an unknown time zone or a trace id of another shape
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
