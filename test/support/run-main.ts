import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type { Host } from '../../commands/cli/run/runtime.js';
import type { AnyCommand } from '../../commands/command.js';
import { main } from '../../commands/main.js';
import { cleanEnvironment, potctl, type Ran, type RunOptions } from './run-cli.js';

/** What a command line did. */
export interface MainRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MainOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Columns of stdout and stderr, which then are terminals. */
  readonly columns?: number;
}

/** Runs a command line in this process: real parsing, real drawing, streams that are read back. No terminal to ask at. */
export async function runMain(
  args: readonly string[],
  commands: readonly AnyCommand[],
  options: MainOptions = {},
): Promise<MainRun> {
  const [stdout, stderr] = [collector(options.columns), collector(options.columns)];
  const process = Object.assign(new EventEmitter(), {
    ...{ env: { ...options.env }, stdin: { isTTY: false }, pid: 1, exitCode: undefined },
    ...{ stdout: stdout.stream, stderr: stderr.stream, cwd: () => '/', exit: () => {} },
  });
  const exitCode = await main(args, process as unknown as Host, commands);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** Variables that only a new process reads. */
const OF_A_PROCESS = ['NODE_OPTIONS', 'LD_PRELOAD'];
const BUILT = new URL('../../dist/main.js', import.meta.url).href;

/**
 * Runs the built program in this process, which saves the start of Node and the loading: for tests of many steps that are about what the
 * database and the disk say afterwards. Another user, and what is told to Node or the loader, take a process. Everything else as {@link potctl}.
 */
export async function potctlHere(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  if (options.user !== undefined || OF_A_PROCESS.some((name) => options.env?.[name] !== undefined))
    return potctl(args, options);
  const built = (await import(BUILT)) as { main(argv: readonly string[], host: Host): Promise<number> };
  const [stdout, stderr] = [collector(undefined), collector(undefined)];
  const host = Object.assign(new EventEmitter(), {
    ...{ env: cleanEnvironment(options.env), stdin: Readable.from([options.stdin ?? '']), pid: process.pid },
    ...{ stdout: stdout.stream, stderr: stderr.stream, exitCode: undefined, exit: () => {} },
    cwd: () => options.cwd ?? '/',
  });
  const exitCode = await built.main(args, host as unknown as Host);
  return { exitCode, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(columns: number | undefined): { readonly stream: Writable; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  return { stream: Object.assign(stream, terminal), text: () => text };
}
