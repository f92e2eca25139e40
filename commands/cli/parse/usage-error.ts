import type { Command, CommanderError } from 'commander';
import { PotctlError } from '../../../src/kernel/errors.js';
import { targetFlags } from './globals.js';
import { nameOf } from './options.js';
import { closest, suggestion } from './suggest.js';

/** Turns an error of commander into one of ours, with a suggestion. @param names the subcommands of `command` */
export function usageError(error: CommanderError, command: Command, names: readonly string[]): PotctlError {
  const given = /'(.*)'/s.exec(error.message)?.[1] ?? '';
  const path = pathOf(command);
  const helpLine = `See \`${path} --help\`.`;
  if (error.code === 'commander.unknownOption') return unknownFlag(given, command, helpLine);
  if (error.code === 'commander.unknownCommand') {
    return new PotctlError('E_USAGE', `'${path}' has no command '${given}'`, {
      fix: closest(given, names)
        .map((name) => `Did you mean \`${path} ${name}\`?`)
        .concat(helpLine),
    });
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
  const near = suggestion(RENAMED[name] ?? name, flags).fix ?? [];
  const behind = command.commands.length > 0 ? ['Put the flags of a command after the command.'] : [];
  return new PotctlError('E_USAGE', `'${pathOf(command)}' has no flag '${name}'`, {
    fix: [...near, ...behind, helpLine],
  });
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
