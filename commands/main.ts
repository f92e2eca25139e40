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
 * Runs one command line. Never throws and never ends the process: the exit code comes back when everything that was written has left.
 *
 * @param argv without node and the script
 * @param registry the commands there are; tests bring their own
 */
export async function main(
  argv: readonly string[],
  host: Host,
  registry: readonly AnyCommand[] = commands,
): Promise<number> {
  // Should everything stop without an end, Node would say 13 and call it a warning; it is a bug.
  host.exitCode = 1;
  if (host.env['NO_COLOR'] && host.env['FORCE_COLOR']) delete host.env['FORCE_COLOR'];
  if (!argv.includes('--debug') && !isOn(host.env['POTCTL_DEBUG'])) host.removeAllListeners('warning');
  const { output, errors } = createOutputs(host.stdout, host.stderr);
  const { exitCode, reads } = await answer({ argv, host, output, errors, commands: registry }, registry);
  // Whoever was told to end does not wait for a terminal that is stopped, or for a pipe that nobody empties.
  const told = exitCode === ExitCode.interrupted || exitCode === ExitCode.terminated;
  if (!(await flushed([output, errors], told ? PATIENCE_MS : Number.POSITIVE_INFINITY))) host.exit(exitCode);
  return afterWriting(exitCode, reads, output, errors);
}

/** Nobody listens any more: a reader has nothing left to do, a writer has done its work. Any other broken output is a failure. */
function afterWriting(exitCode: number, reads: boolean, output: Output, errors: Output): number {
  const failure = output.failure();
  if (failure === undefined) return exitCode;
  if (failure.code === 'EPIPE') return reads && exitCode === 0 ? 141 : exitCode;
  // Of a change it is reported with what was changed.
  if (!reads) return exitCode;
  errors.write(`Error: the output could not be written: ${redact(failure.message)}\n`);
  return exitCode === 0 ? 17 : exitCode;
}

interface Answer {
  readonly exitCode: number;
  /** Is the output all that was wanted? */
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

/** The two questions that are asked most, by people and by scripts, are answered before the parser is loaded: it is half of the start. */
async function parse(argv: readonly string[], registry: readonly AnyCommand[]): Promise<Parsed> {
  const [word = '--help', ...more] = argv;
  if (more.length === 0 && /^(--version|-V)$/.test(word)) return { kind: 'version' };
  if (more.length === 0 && /^(--help|-h|help)$/.test(word)) return { kind: 'topic', words: [] };
  const { parseCommandLine } = await import('./cli/parse/program.js');
  return parseCommandLine(argv, registry);
}
