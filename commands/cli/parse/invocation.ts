import { PotctlError } from '../../../src/kernel/errors.js';
import type { AnyCommand } from '../../command.js';
import {
  CHANGE_FLAGS,
  type Change,
  CONFIRM_FLAGS,
  checkGlobals,
  FLAG_VARIABLES,
  FORMATS,
  type Format,
  GLOBAL_FLAGS,
  type Globals,
  LIST_FLAGS,
  type ListOptions,
  PERIOD_FLAGS,
  TARGET_FLAGS,
  type Target,
} from './globals.js';
import { flagsOf } from './grammar.js';
import { type Input, type InputSpec, nameOf } from './options.js';
import type { RawInput } from './program.js';
import { needlessFlag, withHelpOf } from './usage-error.js';

/** A parsed command line: every value has its type. */
export interface Invocation {
  readonly command: AnyCommand;
  // biome-ignore lint/suspicious/noExplicitAny: the input of any command; `run` knows its type
  readonly input: any;
  readonly globals: Globals;
  readonly target: Target;
  /** Defaults for commands that change nothing. */
  readonly change: Change;
  readonly list: ListOptions;
  readonly noConfirm: boolean;
  /** Notices for the operator about how the line was read. */
  readonly notices: readonly string[];
}

/**
 * Parses flags and argument into typed values. Variables such as POTCTL_OUTPUT fill in flags that were not given.
 *
 * @throws PotctlError E_USAGE for the first invalid value, and for a flag that the command does not use
 */
export function understand(
  command: AnyCommand,
  given: RawInput,
  environment: Readonly<Record<string, string | undefined>>,
): Invocation {
  try {
    return parsedInvocation(command, given, environment);
  } catch (error) {
    throw error instanceof PotctlError ? withHelpOf(command.name, error) : error;
  }
}

function parsedInvocation(
  command: AnyCommand,
  given: RawInput,
  environment: Readonly<Record<string, string | undefined>>,
): Invocation {
  const { raw, notices } = withOldHabits(command, given);
  refuseNeedless(command, raw);
  return {
    command,
    input: parseAll(command.input as InputSpec, raw),
    globals: checkGlobals(parseAll(GLOBAL_FLAGS, { ...variables(environment), ...raw })),
    target: parseAll(TARGET_FLAGS, raw),
    change: { ...parseAll(CHANGE_FLAGS, raw), ...parseAll(CONFIRM_FLAGS, raw) },
    list: { ...parseAll(LIST_FLAGS, raw), ...parseAll(PERIOD_FLAGS, raw) },
    noConfirm: raw['no-confirm'] === true,
    notices,
  };
}

/** In the old backup script `-o DIR` named the target directory. */
function withOldHabits(command: AnyCommand, raw: RawInput): { readonly raw: RawInput; readonly notices: string[] } {
  const { output, ...rest } = raw;
  const isFolder = typeof output === 'string' && output !== '' && !FORMATS.includes(output as Format);
  if (command.name !== 'backup create' || !isFolder || raw['repository'] !== undefined) return { raw, notices: [] };
  const notices = [`'${output}' is not an output format: '--output ${output}' is read as '--repository ${output}'.`];
  return { raw: { ...rest, repository: output }, notices };
}

/** Target flags before the command are parsed before the command is known, so they are checked here. */
function refuseNeedless(command: AnyCommand, raw: RawInput): void {
  const { own, shared } = flagsOf(command);
  const taken = new Set([...own, ...shared].map((spec) => nameOf(spec.declaration)));
  for (const name of Object.keys(raw).filter((given) => !taken.has(given))) {
    const error = needlessFlag(`potctl ${command.name}`, `--${name}`);
    if (error !== undefined) throw error;
  }
}

function parseAll<S extends InputSpec>(specs: S, raw: RawInput): Input<S> {
  const values = Object.entries(specs).map(([key, spec]) => {
    return [key, spec.parse(raw[spec.takes === 'argument' ? '<argument>' : nameOf(spec.declaration)])];
  });
  return Object.fromEntries(values) as Input<S>;
}

function variables(environment: Readonly<Record<string, string | undefined>>): RawInput {
  const raw: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(FLAG_VARIABLES)) {
    const value = environment[name];
    const spec = GLOBAL_FLAGS[key];
    if (value === undefined || value === '') continue;
    raw[nameOf(spec.declaration)] = spec.takes === 'flag' ? isOn(value) : value;
  }
  return raw;
}

/** Returns whether a variable is on. Off are: unset, empty, `0`, `false`, `no` and `off`. */
export function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(|0|false|no|off)$/i.test(value);
}
