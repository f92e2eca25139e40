import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { redact } from '../../../src/kernel/secret.js';
import type { Invocation } from '../parse/invocation.js';
import { withHelpOf } from '../parse/usage-error.js';
import { execute } from './execute.js';
import type { Here } from './next.js';
import { asPotctlError, report, withChanges } from './report.js';
import { type Frame, type Host, isJson, openRuntime, type Runtime } from './runtime.js';
import { interruptedError } from './signals.js';

/** Runs a command, reports its failure and closes everything. @returns the exit code; never rejects */
export async function runCommand(frame: Frame, invocation: Invocation): Promise<number> {
  const runtime = await openRuntime(frame, invocation);
  const { context, diagnostics, interrupts, progress } = runtime;
  const crash = watchCrashes(frame.host);
  let begun = false;
  greet(runtime);
  try {
    const work = execute(runtime, () => {
      begun = true;
    });
    const exitCode = await Promise.race([work.then((code) => seen(code, runtime)), crash.happened]);
    diagnostics.event('info', 'end', { command: invocation.command.name, exit: exitCode });
    return exitCode;
  } catch (error) {
    progress.end('failed');
    const exitCode = explainFailure(error, runtime, begun ? 'unknown' : 'nothing', frame.errors.columns);
    // Stops work that still runs in parallel to the failed part.
    interrupts.abort(new PotctlError('E_BUG', 'the command failed'));
    return exitCode;
  } finally {
    await context.potctl.close();
    crash.unwatch();
    interrupts.close();
  }
}

/**
 * Waits until the result of a change has left this process; otherwise the error says what was changed. A closed pipe (EPIPE) is no error:
 * the work is done.
 */
async function seen(exitCode: ExitCode, { invocation, output, interrupts }: Runtime): Promise<ExitCode> {
  if (invocation.command.kind !== 'action') return exitCode;
  const { signal } = interrupts;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  await Promise.race([output.flush(), aborted]);
  const failure = output.failure();
  if (failure === undefined || failure.code === 'EPIPE') return exitCode;
  throw new PotctlError('E_OUTPUT', 'could not write the result to the output', { why: redact(failure.message) });
}

function greet({ diagnostics, invocation, context }: Runtime): void {
  const { operator, runId, traceId } = context.potctl.host.who;
  diagnostics.event('info', 'start', { command: invocation.command.name, operator });
  if (invocation.globals.verbose) diagnostics.note(`run ${runId} · trace ${traceId}`);
  for (const notice of invocation.notices) diagnostics.note(notice);
}

const withoutProfile = (here: Here): Here => ({ ...here, globals: here.globals.filter(([flag]) => flag !== '-p') });

const NAGIOS_UNKNOWN = 3;

function explainFailure(
  error: unknown,
  runtime: Runtime,
  changed: 'nothing' | 'unknown',
  columns: number | undefined,
): ExitCode {
  const { context, diagnostics, format, interrupts } = runtime;
  const { who, clock } = context.potctl.host;
  const { runId, traceId } = who;
  const { command } = runtime.invocation;
  const isAtomic = command.kind === 'action' && command.atomic === true;
  const cause = interruptedError(error, interrupts.signal, isAtomic ? 'nothing' : changed);
  const found = withChanges(withHelpOf(command.name, asPotctlError(cause, changed)), runtime.changes.all());
  const facts = { json: isJson(format), width: columns ?? 80, wrapAt: columns, runId, traceId, now: clock.now() };
  // A suggested command must not repeat a profile that does not exist.
  const here = found.code === 'E_PROFILE_NOT_FOUND' ? withoutProfile(runtime.here) : runtime.here;
  report(found, diagnostics, { ...facts, here });
  if (runtime.invocation.input.exit !== 'nagios') return found.exitCode;
  // A monitor reads stdout and knows four codes. What could not be checked is UNKNOWN, never OK or CRITICAL.
  if (!facts.json) runtime.output.write(`UNKNOWN - ${found.message.split('\n', 1)[0]}\n`);
  return NAGIOS_UNKNOWN;
}

/** Turns uncaught exceptions and unhandled rejections into errors of the command, so that they are reported. */
function watchCrashes(host: Host): { readonly happened: Promise<never>; unwatch(): void } {
  let fail: (error: unknown) => void = () => {};
  const happened = new Promise<never>((_, reject) => {
    fail = reject;
  });
  happened.catch(() => {});
  const onCrash = (error: unknown): void => fail(error);
  for (const event of ['uncaughtException', 'unhandledRejection']) host.on(event, onCrash);
  return {
    happened,
    unwatch: () => {
      for (const event of ['uncaughtException', 'unhandledRejection']) host.off(event, onCrash);
    },
  };
}
