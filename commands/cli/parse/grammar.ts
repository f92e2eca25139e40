import type { AnyCommand } from '../../command.js';
import {
  CHANGE_FLAGS,
  confirmFlags,
  GLOBAL_FLAGS,
  HABIT_FLAGS,
  LIST_FLAGS,
  PERIOD_FLAGS,
  STREAM_FLAGS,
  targetFlags,
} from './globals.js';
import { type InputSpec, nameOf, type Spec } from './options.js';

/** The commands of one noun. */
export interface Noun {
  readonly name: string;
  readonly plural: string;
  readonly commands: readonly AnyCommand[];
}

/** Everything that can follow a command. */
export interface CommandFlags {
  readonly argument: Spec<unknown> | undefined;
  /** Declared by the command itself. */
  readonly own: readonly Spec<unknown>[];
  /** Flags that its kind adds, unless the command declares the same name itself. */
  readonly shared: readonly Spec<unknown>[];
  readonly hidden: readonly Spec<unknown>[];
}

/** `backup create` → `['backup', 'create']`. */
export function wordsOf(command: AnyCommand): string[] {
  return command.name.split(' ');
}

/** Returns the nouns in the order of the registry. */
export function nounsOf(commands: readonly AnyCommand[]): Noun[] {
  const names = new Set(commands.filter(({ name }) => name.includes(' ')).map((command) => wordsOf(command)[0]!));
  return [...names].map((name) => ({
    name,
    plural: name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`,
    commands: commands.filter((command) => command.name.startsWith(`${name} `)),
  }));
}

/** Returns the flags that the kind of a command adds to its own. */
export function kindFlags(command: AnyCommand): InputSpec {
  if (command.kind === 'list') return command.at ? { ...LIST_FLAGS, ...PERIOD_FLAGS } : LIST_FLAGS;
  if (command.kind === 'stream') return STREAM_FLAGS;
  if (command.kind === 'item') return {};
  if (command.asks) return { operator: CHANGE_FLAGS.operator };
  return command.gate ? { ...CHANGE_FLAGS, ...confirmFlags(command.gate.typed) } : CHANGE_FLAGS;
}

/** Returns the argument and all flags of a command; no name appears twice. */
export function flagsOf(command: AnyCommand): CommandFlags {
  const input = Object.values(command.input as InputSpec);
  const own = input.filter((spec) => spec.takes !== 'argument');
  const taken = new Set(own.map((spec) => nameOf(spec.declaration)));
  const free = (spec: Spec<unknown>): boolean => !taken.has(nameOf(spec.declaration));
  const shared = [
    ...Object.values(kindFlags(command)),
    ...targetFlags().flatMap(({ spec, need }) => (command.needs.includes(need) ? [spec] : [])),
    ...Object.values(GLOBAL_FLAGS),
  ].filter(free);
  return {
    argument: input.find((spec) => spec.takes === 'argument'),
    own,
    shared,
    hidden: habitsOf(command).filter(free),
  };
}

function habitsOf(command: AnyCommand): Spec<unknown>[] {
  return command.kind === 'action' && command.gate ? [HABIT_FLAGS.noConfirm] : [];
}
