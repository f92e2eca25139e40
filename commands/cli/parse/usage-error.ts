import type { Command, CommanderError } from 'commander';
import { PotctlError } from '../../../src/kernel/errors.js';
import { targetFlags } from './globals.js';
import { nameOf } from './options.js';
import { closest, suggestion } from './suggest.js';

/** An error of commander in our words, with what was probably meant. @param names the commands below `command` */
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
    return new PotctlError('E_USAGE', `'${path}' needs its argument <${given}>`, { fix: [helpLine] });
  }
  if (error.code === 'commander.excessArguments') {
    const takes = command.registeredArguments.length === 0 ? 'no argument' : 'one argument';
    return new PotctlError('E_USAGE', `'${path}' takes ${takes}, not '${command.args.join(' ')}'`, { fix: [helpLine] });
  }
  return new PotctlError('E_USAGE', error.message.replace(/^error: /, ''), { fix: [helpLine] });
}

const WHAT = { database: 'a database', repository: 'a repository', files: "the application's files" } as const;

/**
 * The error of a flag that says where something is that the command does not use; undefined for any other flag.
 *
 * @param path with `potctl` in front
 * @param flag as `--files`
 */
export function needlessFlag(path: string, flag: string): PotctlError | undefined {
  const found = targetFlags().find(({ spec }) => `--${nameOf(spec.declaration)}` === flag);
  if (found === undefined) return undefined;
  return new PotctlError('E_USAGE', `'${path}' takes no '${flag}'`, {
    why: `it does not use ${WHAT[found.need]}`,
    fix: [`Leave it out. See \`${path} --help\`.`],
  });
}

function unknownFlag(given: string, command: Command, helpLine: string): PotctlError {
  const name = given.split('=')[0]!;
  if (name === '--password') {
    return new PotctlError('E_USAGE', 'a password is not taken from the command line', {
      why: 'everybody on this machine could read it there, and the history of the shell keeps it',
      fix: [
        'Put it into a file (mode 0600): `--password-file FILE`.',
        'Or into ~/.pgpass, or as `password_command` into the profile.',
      ],
    });
  }
  const needless = needlessFlag(pathOf(command), name);
  if (needless !== undefined) return needless;
  const flags = command.options.filter((option) => !option.hidden).map((option) => option.long ?? '');
  const near = suggestion(name, flags).fix ?? [];
  const behind = command.commands.length > 0 ? ['A flag of one command stands behind that command.'] : [];
  return new PotctlError('E_USAGE', `'${pathOf(command)}' has no flag '${name}'`, {
    fix: [...near, ...behind, helpLine],
  });
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
