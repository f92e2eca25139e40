import { execFileSync } from 'node:child_process';
import { understand } from '../../commands/cli/parse/invocation.js';
import { parseCommandLine } from '../../commands/cli/parse/program.js';
import { commands } from '../../commands/registry.js';
import { loadSettings } from '../../src/config/load.js';

/** Where a command line works. What its command does not need is null. */
export interface Reached {
  readonly command: string;
  readonly profile: string | null;
  readonly database: string | null;
  readonly repository: string | null;
  readonly files: string | null;
}

const NOUNS = [...new Set(commands.map(({ name }) => name.split(' ')[0]!))].join('|');
const LINE = `((?:sudo -u \\S+ )?(?:[A-Z_]+=(?:'[^']*'|\\S)+ )*potctl (?:${NOUNS})\\b[^\`\\n]*?)`;

/** The potctl lines in a text: in backticks, or alone, or behind two blanks. */
export function linesIn(text: string): string[] {
  const found = [...text.matchAll(new RegExp(`\`${LINE}\`|(?:^| {2})${LINE}(?= {3}|$)`, 'gm'))];
  return found.map(([, quoted, bare]) => quoted ?? bare ?? '');
}

/** In the place of both programs: says how it was started. */
const PROGRAMS = `
  potctl() { printf '%s\\0' "$#" "$@"; env -0; }
  sudo() { shift 2; while [[ $1 == *=* ]]; do export "$1"; shift; done; "$@"; }
`;

/** The words and variables with which a shell starts potctl for this line, in that directory and without any other environment. */
function typed(line: string, cwd: string): { readonly argv: string[]; readonly environment: Record<string, string> } {
  const env = { PATH: '/usr/bin:/bin' };
  const printed = execFileSync('bash', ['-c', `${PROGRAMS}${line}`], { cwd, env, encoding: 'utf8' });
  const [count = '', ...words] = printed.split('\0');
  const variables = words.slice(Number(count)).filter((word) => /^(PG|POTCTL_)/.test(word));
  return {
    argv: words.slice(0, Number(count)),
    environment: Object.fromEntries(variables.map((word) => [word.split('=')[0]!, word.slice(word.indexOf('=') + 1)])),
  };
}

/**
 * Pastes a line into a shell, and reads what comes of it as potctl would.
 *
 * @throws E_USAGE where potctl would not understand it
 */
export async function reachedBy(line: string, cwd: string): Promise<Reached> {
  const { argv, environment } = typed(line, cwd);
  const parsed = parseCommandLine(argv, commands);
  if (parsed.kind !== 'run') {
    return { command: parsed.kind, profile: null, database: null, repository: null, files: null };
  }
  const { command, globals, target } = understand(parsed.command, parsed.raw, {});
  const flags = { profile: globals.profile, config: globals.config, ...target };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const request = { flags: given, environment, cwd, homeDirectory: '/nonexistent', userName: 'nobody' };
  if (command.standalone)
    return { command: command.name, profile: null, database: null, repository: null, files: null };
  const { profile, connection, repositories, files } = await loadSettings(request);
  const { host, port, user, database } = connection;
  return {
    command: command.name,
    profile: profile.name,
    database: command.needs.includes('database') ? `${user}@${host}:${port}/${database}` : null,
    repository: command.needs.includes('repository') ? (repositories[0]?.path ?? null) : null,
    // `backup show --files` takes patterns, too.
    files: command.needs.includes('files') && !('files' in command.input) ? (files?.path ?? null) : null,
  };
}
