import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { AnyCommand } from '../../commands/command.js';
import { main } from '../../commands/main.js';
import type { Host } from '../../commands/stage.js';

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
