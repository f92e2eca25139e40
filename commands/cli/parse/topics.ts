import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { AnyCommand } from '../../command.js';
import { classOf } from '../run/report.js';
import { FLAG_VARIABLES, GLOBAL_FLAGS } from './globals.js';
import { nounsOf } from './grammar.js';
import { commandHelp, nounHelp, rootHelp } from './help.js';
import { nameOf } from './options.js';
import { suggestion } from './suggest.js';

const MEANS: Readonly<Record<ExitCode, string>> = {
  [ExitCode.ok]: 'done, or already so',
  [ExitCode.bug]: 'a bug in potctl; run it again with --debug and report it',
  [ExitCode.usage]: 'unknown command, flag or value; nothing was done',
  [ExitCode.partial]: 'done, but something is missing: look, do not retry',
  [ExitCode.notFound]: 'no such backup, profile, database, run; or several fit',
  [ExitCode.locked]: 'another potctl or session works there: retry later',
  [ExitCode.denied]: 'the server or the operating system said no',
  [ExitCode.config]: 'the configuration or a repository is not valid',
  [ExitCode.unreachable]: 'no answer, or out of time: retry later',
  [ExitCode.unfit]: 'a tool, space or a directory is missing: potctl doctor',
  [ExitCode.integrity]: 'stored or restored bytes are not what they should be',
  [ExitCode.unhealthy]: 'a check found something critical',
  [ExitCode.refused]: 'refused for safety, nothing changed: follow the line',
  [ExitCode.cancelled]: 'a person said no, nothing changed',
  [ExitCode.interrupted]: 'Ctrl-C; the message says what state is left',
  [ExitCode.terminated]: 'SIGTERM; the message says what state is left',
};

/**
 * `potctl help`, `help backup create`, `help exit-codes`.
 *
 * @throws PotctlError E_USAGE for words that are neither a command nor a topic
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
  throw new PotctlError('E_USAGE', `there is no help about '${name}'`, { ...suggestion(name, names) });
}

function exitCodes(): string {
  const lines = Object.values(ExitCode).map(
    (exit) => `  ${String(exit).padEnd(5)}${classOf(exit).replace('_', ' ').padEnd(13)}${MEANS[exit]}`,
  );
  const title = 'Exit codes: a class for scripts; the code behind each error is the cause.';
  const pipe = '  141  pipe         the reader of the output went away';
  return [title, '', ...lines, pipe, '', 'See also:  potctl explain --list'].join('\n');
}

function environment(): string {
  const flags = Object.entries(FLAG_VARIABLES).map(([name, key]) =>
    variable(name, `the same as --${nameOf(GLOBAL_FLAGS[key].declaration)}`),
  );
  return [
    'Environment: a flag wins over a variable, a variable over the profile.',
    '',
    variable('POTCTL_PROFILE', 'the same as -p, but not for severe commands'),
    variable('POTCTL_CONFIG', 'the same as --config'),
    variable('POTCTL_REPOSITORY', 'the same as --repository'),
    variable('POTCTL_FILES', 'the same as --files'),
    variable('POTCTL_PG_BINDIR', 'folders with pg_dump, instead of those it knows'),
    ...flags,
    '',
    variable('PGHOST, PGPORT, PGUSER …', "libpq's own variables, service file and .pgpass"),
    variable('NO_COLOR, FORCE_COLOR', 'no colours; colours without a terminal'),
    variable('CLICOLOR, CLICOLOR_FORCE', 'the same in their older spelling'),
    variable('CI', 'when set, nobody is asked anything'),
    '',
    'See what a command works with:  potctl config show --origin',
  ].join('\n');
}

function variable(name: string, meaning: string): string {
  return `  ${name.padEnd(26)}${meaning}`;
}
