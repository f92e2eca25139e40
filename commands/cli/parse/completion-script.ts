import { PotctlError } from '../../../src/kernel/errors.js';
import type { AnyCommand } from '../../command.js';
import { flagsOf, nounsOf } from './grammar.js';
import { nameOf, type Spec } from './options.js';
import { suggestion } from './suggest.js';

const SHELLS = ['bash', 'zsh'];

/**
 * Returns a script that completes commands, flags and their choices. It never completes names of users or backups, because completion
 * must not connect to anything.
 *
 * @throws PotctlError E_USAGE for another shell
 */
export function completionScript(shell: string, commands: readonly AnyCommand[]): string {
  if (!SHELLS.includes(shell)) {
    throw new PotctlError('E_USAGE', `'potctl completion' takes ${SHELLS.join(' or ')}, not '${shell}'`, {
      ...suggestion(shell, SHELLS),
    });
  }
  const body = bashFunction(commands);
  const load = 'complete -o default -F _potctl potctl';
  return shell === 'bash'
    ? `${body}\n${load}`
    : `#compdef potctl\nautoload -U +X bashcompinit && bashcompinit\n${body}\n${load}`;
}

function bashFunction(commands: readonly AnyCommand[]): string {
  const nouns = nounsOf(commands);
  const tops = commands.filter(({ name }) => !name.includes(' ')).map(({ name }) => name);
  const first = [...nouns.map(({ name }) => name), ...tops, 'help'].join(' ');
  const groups = nouns.map(({ name, commands: own }) =>
    branch(name, own.map((command) => command.name.split(' ')[1]!).join(' ')),
  );
  const leaves = commands.map((command) => branch(`"${command.name}"`, flagWords(command)));
  const values = new Map(commands.flatMap(choicesOf));
  const answers = [...values].map(
    ([name, words]) => `    ${name}) COMPREPLY=($(compgen -W "${words}" -- "$word")); return ;;`,
  );
  return `_potctl() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path="" at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at-1]} in ${[...new Set(commands.flatMap(valueFlags))].join('|')}) continue ;; esac
    [[ \${COMP_WORDS[at]} == [a-z]* && $path != *" "* ]] && path="\${path:+$path }\${COMP_WORDS[at]}"
  done
  case $before in
${answers.join('\n')}
  esac
  local words=""
  case $path in
    "") words="${first}" ;;
${[...groups, ...leaves].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}`;
}

function branch(pattern: string, words: string): string {
  return `    ${pattern}) words="${words}" ;;`;
}

function flagWords(command: AnyCommand): string {
  const { own, shared, argument } = flagsOf(command);
  const choices = command.name === 'completion' && argument ? SHELLS : [];
  return [...choices, ...[...own, ...shared].map((spec) => `--${nameOf(spec.declaration)}`), '--help'].join(' ');
}

function choicesOf(command: AnyCommand): [string, string][] {
  const { own, shared } = flagsOf(command);
  return [...own, ...shared]
    .filter((spec): spec is Spec<unknown> & { choices: readonly string[] } => spec.choices !== undefined)
    .map((spec) => [patternOf(spec.declaration), spec.choices.join(' ')]);
}

function patternOf(declaration: string): string {
  return (declaration.match(/--?[a-z-]+/g) ?? []).join('|');
}

function valueFlags(command: AnyCommand): string[] {
  const { own, shared } = flagsOf(command);
  return [...own, ...shared].filter(({ takes }) => takes !== 'flag').map(({ declaration }) => patternOf(declaration));
}
