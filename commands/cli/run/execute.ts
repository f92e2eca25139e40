import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { ActionCommand, AnyCommand } from '../../command.js';
import { wrapProse } from '../../ui/prose.js';
import { createView } from '../../ui/screen.js';
import { confirm } from './confirm.js';
import { actionEnvelope, type EnvelopeFacts, itemEnvelope } from './envelope.js';
import { toJson } from './json.js';
import { withSpelled } from './next.js';
import { isJson, type Runtime } from './runtime.js';
import { listSource, rowsSource, streamSource } from './sources.js';
import { writeRows } from './writer.js';

// biome-ignore lint/suspicious/noExplicitAny: the commands of the registry have every input and result
type Any = any;

/**
 * Runs a command and draws its result.
 *
 * @param onChangesBegin called right before the first change can happen
 * @returns the exit code of the result
 */
export async function execute(runtime: Runtime, onChangesBegin: () => void): Promise<ExitCode> {
  const { command } = runtime.invocation;
  if (command.kind === 'list')
    return writeRows(await listSource(command, runtime, (exitCode) => facts(runtime, exitCode)), runtime);
  if (command.kind === 'stream') return writeRows(streamSource(command, runtime, facts(runtime, 0)), runtime);
  const rows = command.kind === 'item' ? await command.rows?.(runtime.invocation.input, runtime.context) : undefined;
  if (rows !== undefined) {
    runtime.progress.end('done');
    return writeRows(rowsSource(rows, runtime, facts(runtime, 0)), runtime);
  }
  if (runtime.format === 'csv') {
    throw new PotctlError('E_USAGE', `'potctl ${command.name}' does not support csv: it is not a list`, {
      fix: ['Use `-o json`.'],
    });
  }
  return command.kind === 'item' ? executeItem(command, runtime) : executeAction(command, runtime, onChangesBegin);
}

async function executeItem(command: Extract<AnyCommand, { kind: 'item' }>, runtime: Runtime): Promise<ExitCode> {
  const { invocation, context } = runtime;
  const result: Any = await command.run(invocation.input, context);
  runtime.progress.end('done');
  const exitCode = command.exitCode?.(result) ?? 0;
  if (isJson(runtime.format))
    writeJson(runtime, itemEnvelope(facts(runtime, exitCode), withSpelled(result, runtime.here)));
  else command.render(result, runtime.screen);
  await runtime.screen.written();
  return exitCode;
}

async function executeAction(
  command: ActionCommand<Any, Any, Any>,
  runtime: Runtime,
  onChangesBegin: () => void,
): Promise<ExitCode> {
  const { invocation, context } = runtime;
  const { dryRun, operator, reason = null, ticket = null } = invocation.change;
  const change = await command.prepare(invocation.input, context);
  if (command.gate) await passGate(command.gate, change.plan, runtime);
  if (!dryRun) onChangesBegin();
  const result: Any = await (dryRun ? change.dryRun() : change.apply());
  runtime.progress.end('done');
  const changed = !dryRun && (command.changed?.(result) ?? true);
  if (changed && runtime.changes.all() === null) {
    runtime.changes.note(command.name, { changed: 'complete', ...(command.done && { detail: command.done(result) }) });
  }
  const exitCode = command.exitCode?.(result) ?? 0;
  if (!isJson(runtime.format)) {
    command.render(result, runtime.screen);
    await runtime.screen.written();
    return exitCode;
  }
  const source = operator === undefined ? ('session' as const) : ('flag' as const);
  const who = { name: context.potctl.host.who.operator, source, verified: false };
  const action = { dryRun, changed, operator: who, reason, ticket };
  writeJson(runtime, actionEnvelope(facts(runtime, exitCode), action, withSpelled(result, runtime.here)));
  return exitCode;
}

/** Shows the plan, then asks. The plan is shown even if nobody is asked, so that logs contain what was confirmed. */
async function passGate(
  gate: NonNullable<ActionCommand<Any, Any, Any>['gate']>,
  plan: Any,
  runtime: Runtime,
): Promise<void> {
  const { invocation, diagnostics } = runtime;
  runtime.progress.end('done');
  const view = planView(runtime);
  const { dryRun, yes, confirm: given } = invocation.change;
  gate.renderPlan(plan, view, dryRun || yes || given !== undefined);
  await view.written();
  const unasked = invocation.change.confirm === undefined && !invocation.noConfirm;
  if (invocation.change.dryRun || (unasked && gate.isAddition?.(plan))) return;
  await confirm({
    phrase: gate.phrase(plan),
    given: invocation.change.confirm,
    yes: invocation.change.yes,
    mild: gate.mild,
    prompter: invocation.noConfirm ? null : runtime.prompter,
    whyNot: invocation.noConfirm ? '--no-confirm is no longer supported' : runtime.whyNot,
    say: diagnostics.say,
  });
}

/** A view on stderr. The diagnostics draw it; the view only does the layout. */
function planView({ diagnostics, formats, output, context }: Runtime): ReturnType<typeof createView> {
  const { say } = diagnostics;
  const { again, spelled } = context.live;
  const { columns } = output;
  const note = (text: string): void => wrapProse(text, columns).forEach(say);
  return createView(
    { data: say, note, again, spelled, draw: (text) => text, width: columns ?? 80, wrapAt: columns },
    formats,
  );
}

function writeJson(runtime: Runtime, envelope: Record<string, unknown>): void {
  const pretty = runtime.format === 'json' && runtime.output.isTerminal;
  runtime.output.write(`${toJson(envelope, pretty)}\n`);
}

function facts({ invocation, context, now, progress }: Runtime, exitCode: number): EnvelopeFacts {
  const profile = context.potctl.known()?.profile;
  const { runId, traceId } = context.potctl.host.who;
  return {
    command: invocation.command.name,
    exitCode,
    profile: profile === undefined ? null : { name: profile.name, environment: profile.environment },
    generatedAt: now,
    runId,
    traceId,
    warnings: progress.warnings,
    verbatim: invocation.command.verbatim ?? [],
  };
}
