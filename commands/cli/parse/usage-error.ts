import type { Command, CommanderError } from 'commander';
import { ERROR_CATALOG } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { targetFlags } from './globals.js';
import { nameOf } from './options.js';
import { closest, suggestion } from './suggest.js';

/**
 * Turns an error of commander into one of ours, with a suggestion.
 *
 * @param names the subcommands of `command`; for the root also the commands of nouns, as `config init`
 */
export function usageError(error: CommanderError, command: Command, names: readonly string[]): PotctlError {
  const given = /'(.*)'/s.exec(error.message)?.[1] ?? '';
  const path = pathOf(command);
  const helpLine = `See \`${path} --help\`.`;
  if (error.code === 'commander.unknownOption') return unknownFlag(given, command, helpLine);
  if (error.code === 'commander.unknownCommand') {
    return unknownCommand(given, path, names);
  }
  if (error.code === 'commander.optionMissingArgument') {
    return new PotctlError('E_USAGE', `'${given.split(/[ ,]+/).find((word) => word.startsWith('--'))}' needs a value`, {
      fix: [helpLine],
    });
  }
  if (error.code === 'commander.missingArgument') {
    return new PotctlError('E_USAGE', `'${path}' needs the argument <${given}>`, { fix: [helpLine] });
  }
  if (error.code === 'commander.excessArguments') {
    const takes = command.registeredArguments.length === 0 ? 'no argument' : 'one argument';
    return new PotctlError('E_USAGE', `'${path}' takes ${takes}, not '${command.args.join(' ')}'`, { fix: [helpLine] });
  }
  return new PotctlError('E_USAGE', error.message.replace(/^error: /, ''), { fix: [helpLine] });
}

/** Names the help of the command in an E_USAGE that only has the general advice; other errors are returned unchanged. */
export function withHelpOf(name: string, error: PotctlError): PotctlError {
  if (error.code !== 'E_USAGE' || error.fix !== ERROR_CATALOG.E_USAGE.remedy) return error;
  return error.with({ fix: [`See \`potctl ${name} --help\`.`] });
}

/** @param path the parent, beginning with `potctl` */
export function unknownCommand(given: string, path: string, names: readonly string[]): PotctlError {
  const direct = names.filter((name) => !name.includes(' '));
  const below = names.filter((name) => name.split(' ')[1] === given).slice(0, 3);
  const near = below.length > 0 ? below : closest(given, direct);
  return new PotctlError('E_USAGE', `'${path}' has no command '${given}'`, {
    fix: [...near.map((name) => `Did you mean \`${path} ${name}\`?`), `See \`${path} --help\`.`],
  });
}

const WHAT = { database: 'a database', repository: 'a repository', files: "the application's files" } as const;

/**
 * Returns the error for a target flag that the command does not use; undefined for any other flag.
 *
 * @param path the command, beginning with `potctl`
 * @param flag for example `--files`
 */
export function needlessFlag(path: string, flag: string): PotctlError | undefined {
  const found = targetFlags().find(({ spec }) => `--${nameOf(spec.declaration)}` === flag);
  if (found === undefined) return undefined;
  return new PotctlError('E_USAGE', `'${path}' takes no '${flag}'`, {
    why: `it does not use ${WHAT[found.need]}`,
    fix: [`Leave it out. See \`${path} --help\`.`],
  });
}

/** Flags of psql that potctl does not have: the connection comes from libpq's settings or the profile. */
const CONNECTION: Readonly<Record<string, string>> = {
  '--host': 'Set the server with PGHOST and PGPORT, or in the profile.',
  '--port': 'Set the server with PGHOST and PGPORT, or in the profile.',
  '--user': 'Set the role with PGUSER, or in the profile.',
  '--username': 'Set the role with PGUSER, or in the profile.',
  '--dbname': 'Set the database with --database or PGDATABASE, or in the profile.',
};

/** Flags that had another name once. */
const RENAMED: Readonly<Record<string, string>> = { '--from-set': '--from-series', '--all-sets': '--all-series' };

function unknownFlag(given: string, command: Command, helpLine: string): PotctlError {
  const name = given.split('=')[0]!;
  if (name === '--password') {
    return new PotctlError('E_USAGE', 'passwords are not accepted on the command line', {
      why: 'every user of this machine could read it there, and it stays in the shell history',
      fix: [
        'Put it into a file with mode 0600: `--password-file FILE`.',
        'Or use ~/.pgpass, or `password_command` in the profile.',
      ],
    });
  }
  const needless = needlessFlag(pathOf(command), name);
  if (needless !== undefined) return needless;
  const flags = command.options.filter((option) => !option.hidden).map((option) => option.long ?? '');
  const connection = CONNECTION[name];
  const near = connection === undefined ? (suggestion(RENAMED[name] ?? name, flags).fix ?? []) : [connection];
  const behind = command.commands.length > 0 ? ['Command flags go after the command name.'] : [];
  return new PotctlError('E_USAGE', `'${pathOf(command)}' has no flag '${name}'`, {
    fix: [...near, ...behind, helpLine],
  });
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
