import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../kernel/assets.js';
import { type Child, startChild } from '../kernel/child.js';
import { ERROR_CATALOG } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import type { TourEvent } from './events.js';
import { CommandFailed } from './failure.js';

/** Where the tour runs: a directory with `storage/` and `backups/`, a server, and an environment without the user's own settings. */
export interface Sandbox {
  /** The current directory of every command. */
  readonly folder: string;
  /** The directory with psql and pg_dump. */
  readonly binaries: string;
  /** PATH, PGHOST, PGPORT, PGUSER, PGDATABASE, HOME: the whole environment of the commands. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly tell: (event: TourEvent) => void;
}

/** Lines that were just shown: from one that matches `from`, up to one that matches `until`. */
export interface Repeated {
  readonly from: RegExp;
  readonly until: RegExp;
}

/**
 * Runs a command and shows its command line and output as it comes, without what is `repeated`. `potctl` runs this program itself.
 *
 * Returns what it printed on stdout. @throws CommandFailed if the exit code is not 0; E_INTERRUPTED after `signal`
 */
export async function play(sandbox: Sandbox, command: readonly string[], repeated?: Repeated): Promise<string> {
  const line = command.map(quoteArgument).join(' ');
  const show = withoutRepeated((text) => sandbox.tell({ kind: 'output', line: text }), repeated);
  sandbox.tell({ kind: 'command', line });
  const child = start(sandbox, command, { onStderrLine: show });
  const output: string[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    output.push(text);
    show(text);
  }
  const end = await child.ended;
  refuseWhenInterrupted(sandbox);
  if (!end.ok) throw new CommandFailed(line, end.exitCode ?? ERROR_CATALOG.E_TOOL_FAILED.exit);
  return output.join('\n');
}

function withoutRepeated(show: (line: string) => void, repeated: Repeated | undefined): (line: string) => void {
  let hidden: number | undefined;
  return (line) => {
    if (hidden === undefined && repeated?.from.test(line)) hidden = 0;
    if (hidden === undefined) return show(line);
    if (!repeated?.until.test(line)) {
      hidden += 1;
      return;
    }
    show(`  … the same ${hidden} lines as above …`);
    hidden = undefined;
    show(line);
  };
}

/** Queries the demo's database without showing it; returns `|`-separated lines, as `psql -At` prints them. @throws E_TOOL_FAILED */
export async function ask(sandbox: Sandbox, sql: string): Promise<string[]> {
  const child = start(sandbox, ['psql', ...QUIET, '-At', '-c', sql]);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  await expectSuccess(sandbox, child);
  return lines;
}

/** Runs SQL files in one transaction. @throws E_TOOL_FAILED */
export async function loadSql(sandbox: Sandbox, files: readonly string[]): Promise<void> {
  const child = start(sandbox, ['psql', ...QUIET, '--single-transaction', ...files.flatMap((file) => ['-f', file])]);
  child.stdout.resume();
  await expectSuccess(sandbox, child);
}

/** Starts a psql that reads statements from stdin, for the program that keeps writing. */
export function openPsql(sandbox: Sandbox): Child {
  const child = start(sandbox, ['psql', ...QUIET], { stdin: 'pipe' });
  child.stdout.resume();
  child.stdin.on('error', () => {});
  return child;
}

/** Writes to a child and waits while its pipe is full. */
export async function write(child: Child, text: string): Promise<void> {
  if (!child.stdin.write(text)) await Promise.race([once(child.stdin, 'drain'), child.ended]);
}

const QUIET = ['-X', '-q', '-v', 'ON_ERROR_STOP=1'];

function start(
  sandbox: Sandbox,
  [program = '', ...args]: readonly string[],
  options: { readonly onStderrLine?: (line: string) => void; readonly stdin?: 'pipe' } = {},
): Child {
  const { environment, folder, signal } = sandbox;
  const [file, argv] = program === 'potctl' ? thisProgram(args) : [programPath(sandbox, program), args];
  return startChild(file, argv, { environment, cwd: folder, signal, ownSession: true, ...options });
}

function thisProgram(args: readonly string[]): [string, string[]] {
  return [process.execPath, [path.join(packageRoot(), 'bin', 'potctl.js'), ...args]];
}

function programPath(sandbox: Sandbox, program: string): string {
  return program === 'psql' ? path.join(sandbox.binaries, program) : program;
}

async function expectSuccess(sandbox: Sandbox, child: Child): Promise<void> {
  const end = await child.ended;
  refuseWhenInterrupted(sandbox);
  if (end.ok) return;
  const why = end.startError ?? end.stderrTail.join('\n');
  throw new PotctlError('E_TOOL_FAILED', 'psql failed on the temporary PostgreSQL server', { why, changed: 'scratch' });
}

function refuseWhenInterrupted({ signal }: Sandbox): void {
  if (!signal.aborted) return;
  const changedDetail = 'the server and the files of the tour were removed';
  throw new PotctlError('E_INTERRUPTED', 'the tour was interrupted', { changedDetail, fix: [] });
}

function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
