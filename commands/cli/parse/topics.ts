import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { advice, potctl } from '../../../src/kernel/next.js';
import type { AnyCommand } from '../../command.js';
import { classOf } from '../run/report.js';
import { FLAG_VARIABLES, GLOBAL_FLAGS } from './globals.js';
import { nounsOf } from './grammar.js';
import { commandHelp, nounHelp, rootHelp } from './help.js';
import { nameOf } from './options.js';
import { suggestion } from './suggest.js';

const MEANS: Readonly<Record<ExitCode, string>> = {
  [ExitCode.ok]: 'success, or nothing to do',
  [ExitCode.bug]: 'a bug in potctl: run again with --debug and report it',
  [ExitCode.usage]: 'unknown command, flag or value; nothing was done',
  [ExitCode.partial]: 'done, but incomplete: check the output, do not just retry',
  [ExitCode.notFound]: 'something named was not found, or several match',
  [ExitCode.locked]: 'lock held by another potctl or session: retry later',
  [ExitCode.denied]: 'permission denied by the server or operating system',
  [ExitCode.config]: 'invalid configuration or repository',
  [ExitCode.unreachable]: 'server unreachable, timed out or refused: see the code',
  [ExitCode.unfit]: 'a tool, directory or disk space is missing: potctl doctor',
  [ExitCode.integrity]: 'data is damaged, does not match, or was not accepted',
  [ExitCode.unhealthy]: 'a check found a critical problem',
  [ExitCode.refused]: 'refused for safety, nothing changed: follow the advice',
  [ExitCode.canceled]: 'canceled by the user, nothing changed',
  [ExitCode.interrupted]: 'Ctrl-C; the message says what was changed',
  [ExitCode.terminated]: 'SIGTERM; the message says what was changed',
};

/**
 * `potctl help`, `help backup create`, `help exit-codes`.
 *
 * @throws PotctlError E_USAGE if the words are neither a command nor a topic
 */
export function helpFor(words: readonly string[], commands: readonly AnyCommand[]): string {
  const name = words.join(' ');
  if (name === '') return rootHelp(commands);
  if (name === 'exit-codes') return exitCodes();
  if (name === 'environment') return environment();
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return commandHelp(command);
  const nouns = nounsOf(commands);
  const noun = nouns.find((candidate) => candidate.name === name || candidate.plural === name);
  if (noun) return nounHelp(noun);
  const names = [
    ...commands.map((known) => known.name),
    ...nouns.map((known) => known.name),
    'exit-codes',
    'environment',
  ];
  throw new PotctlError('E_USAGE', `no help topic '${name}'`, {
    fix: [
      ...(suggestion(name, names).fix ?? []),
      'Topics: exit-codes, environment, and every command: `potctl help backup create`.',
      advice`For an error code: ${potctl('explain', 'CODE')}`,
    ],
  });
}

function exitCodes(): string {
  const lines = Object.values(ExitCode).map(
    (exit) => `  ${String(exit).padEnd(5)}${classOf(exit).replace('_', ' ').padEnd(13)}${MEANS[exit]}`,
  );
  const title = 'Exit codes are classes for scripts; the E_ code of an error names the cause.';
  const pipe = '  141  pipe         the reader of the output closed the pipe';
  return [title, '', ...lines, pipe, '', 'See also:  potctl explain --list'].join('\n');
}

function environment(): string {
  const flags = Object.entries(FLAG_VARIABLES).map(([name, key]) =>
    variable(name, `the same as --${nameOf(GLOBAL_FLAGS[key].declaration)}`),
  );
  return [
    'Flags override POTCTL_ variables, and these override the profile.',
    'PG variables only add what the profile leaves out.',
    '',
    variable('POTCTL_PROFILE', 'the same as -p, but production changes require -p'),
    variable('POTCTL_CONFIG', 'the same as --config'),
    variable('POTCTL_REPOSITORY', 'the same as --repository'),
    variable('POTCTL_FILES', 'the same as --files'),
    variable('POTCTL_PG_BINDIR', 'directories with pg_dump, instead of the usual ones'),
    ...flags,
    '',
    variable('PGHOST, PGPORT, PGUSER …', "libpq's own variables, service file and .pgpass"),
    variable('NO_COLOR, FORCE_COLOR', 'no colors; colors even without a terminal'),
    variable('CLICOLOR, CLICOLOR_FORCE', 'older names for the same'),
    variable('CI', 'if set, potctl never prompts'),
    '',
    'To see the settings in effect:  potctl config show --origin',
  ].join('\n');
}

function variable(name: string, meaning: string): string {
  return `  ${name.padEnd(26)}${meaning}`;
}
