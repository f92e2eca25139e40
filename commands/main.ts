import { ExitCode } from '../src/kernel/exit-code.js';
import { redact } from '../src/kernel/secret.js';
import { toolVersion } from '../src/kernel/version.js';
import { isOn, understand } from './cli/parse/invocation.js';
import type { Parsed } from './cli/parse/program.js';
import { helpFor } from './cli/parse/topics.js';
import type { Frame, Host } from './cli/run/runtime.js';
import { createOutputs, flushed, type Output } from './cli/run/streams.js';
import type { AnyCommand } from './command.js';
import { commands } from './registry.js';

const PATIENCE_MS = 2_000;

/**
 * Runs one command line and returns its exit code once all output is written. Never throws and never ends the process.
 *
 * @param argv without node and the script
 * @param registry all commands; tests pass their own
 */
export async function main(
  argv: readonly string[],
  host: Host,
  registry: readonly AnyCommand[] = commands,
): Promise<number> {
  // If the event loop runs dry, Node would exit with 13 and a warning; for us that is a bug.
  host.exitCode = 1;
  if (host.env['NO_COLOR'] && host.env['FORCE_COLOR']) delete host.env['FORCE_COLOR'];
  if (!argv.includes('--debug') && !isOn(host.env['POTCTL_DEBUG'])) host.removeAllListeners('warning');
  const { output, errors } = createOutputs(host.stdout, host.stderr);
  const { exitCode, reads } = await answer({ argv, host, output, errors, commands: registry }, registry);
  // After a signal, potctl does not wait for a stopped terminal or a pipe that nobody reads.
  const stopped = exitCode === ExitCode.interrupted || exitCode === ExitCode.terminated;
  if (!(await flushed([output, errors], stopped ? PATIENCE_MS : Number.POSITIVE_INFINITY))) host.exit(exitCode);
  return afterWriting(exitCode, reads, output, errors);
}

/** Returns the exit code after output errors. A closed pipe ends a reading command early and does not matter after a change; any other error is a failure. */
function afterWriting(exitCode: number, reads: boolean, output: Output, errors: Output): number {
  const failure = output.failure();
  if (failure === undefined) return exitCode;
  if (failure.code === 'EPIPE') return reads && exitCode === 0 ? 141 : exitCode;
  // For a change, the error that says what was changed is already reported.
  if (!reads) return exitCode;
  errors.write(`Error: could not write the output: ${redact(failure.message)}\n`);
  return exitCode === 0 ? 17 : exitCode;
}

interface Answer {
  readonly exitCode: number;
  /** True if the command only prints and changes nothing. */
  readonly reads: boolean;
}

async function answer(frame: Frame, registry: readonly AnyCommand[]): Promise<Answer> {
  const { argv, host, output } = frame;
  try {
    const parsed = await parse(argv, registry);
    if (parsed.kind === 'run') {
      const invocation = understand(parsed.command, parsed.raw, host.env);
      const { runCommand } = await import('./cli/run/run-command.js');
      return { exitCode: await runCommand(frame, invocation), reads: parsed.command.kind !== 'action' };
    }
    if (parsed.kind === 'version') output.write(`potctl ${toolVersion()}\n`);
    if (parsed.kind === 'topic') output.write(`${helpFor(parsed.words, registry)}\n`);
    if (parsed.kind === 'help') (parsed.ok ? output : frame.errors).write(`${parsed.text}\n`);
    return { exitCode: parsed.kind === 'help' && !parsed.ok ? 2 : 0, reads: true };
  } catch (error) {
    const { reportUnparsed } = await import('./cli/run/report-unparsed.js');
    return { exitCode: await reportUnparsed(frame, error), reads: true };
  }
}

/** Answers --version and --help without loading the parser, which takes half of the start time. */
async function parse(argv: readonly string[], registry: readonly AnyCommand[]): Promise<Parsed> {
  const [word = '--help', ...more] = argv;
  if (more.length === 0 && /^(--version|-V)$/.test(word)) return { kind: 'version' };
  if (more.length === 0 && /^(--help|-h|help)$/.test(word)) return { kind: 'topic', words: [] };
  const { parseCommandLine } = await import('./cli/parse/program.js');
  return parseCommandLine(argv, registry);
}
