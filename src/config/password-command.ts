import { PotctlError } from '../kernel/errors.js';
import { Secret } from '../kernel/secret.js';
import type { SettingsRequest } from './request.js';
import { splitCommand } from './split-command.js';

const TIMEOUT_MS = 60_000;
const LONGEST_OUTPUT = 65_536;

/**
 * Runs a profile's `password_command` without a shell; the first line of its output is the password. It receives the operator's
 * environment (password managers need their variables) without passwords, and must finish within 60 s.
 *
 * @throws PotctlError E_CONFIG if the command is malformed or prints nothing; E_TOOL_MISSING, E_TOOL_FAILED
 */
export async function readPasswordCommand(
  command: string | readonly string[],
  from: string,
  request: SettingsRequest,
): Promise<Secret> {
  const argv = typeof command === 'string' ? splitCommand(command) : command;
  if (typeof argv === 'string')
    throw new PotctlError('E_CONFIG', 'password_command is malformed', { why: { problem: argv, from } });
  const output = await (request.run ?? ((list) => runChild(list, from, request.environment)))(argv);
  const line = output.split(/\r?\n/, 1)[0] ?? '';
  if (line === '')
    throw new PotctlError('E_CONFIG', `password_command '${argv[0]}' printed nothing`, {
      why: { from },
      fix: ['run it by hand: its first line must be the password'],
    });
  return new Secret(line);
}

async function runChild(
  argv: readonly string[],
  from: string,
  inherited: SettingsRequest['environment'],
): Promise<string> {
  const { startChild } = await import('../kernel/child.js');
  const [program = '', ...args] = argv;
  const child = startChild(program, args, {
    environment: withoutSecrets(inherited),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.length > LONGEST_OUTPUT) child.kill();
  }
  const end = await child.ended;
  if (end.ok) return output;
  const missing = end.startError !== null || end.exitCode === 127;
  throw new PotctlError(missing ? 'E_TOOL_MISSING' : 'E_TOOL_FAILED', `password_command '${program}' failed`, {
    why: {
      from,
      ended:
        end.startError ??
        (end.canceled ? `timed out after ${TIMEOUT_MS / 1_000} s` : (end.signal ?? `with exit code ${end.exitCode}`)),
      last_line: end.stderrTail.at(-1) ?? 'no output',
    },
    fix: ['run it by hand as this user: its first line must be the password'],
  });
}

function withoutSecrets(environment: SettingsRequest['environment']): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !['PGPASSWORD', 'DATABASE_URL'].includes(pair[0]),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
