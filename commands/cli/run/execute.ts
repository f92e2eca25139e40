import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { ActionCommand, AnyCommand, ListCommand } from '../../command.js';
import { type Column, csvLines, fitTable, gridLines, plainLines } from '../../ui/columns.js';
import type { Diagnostics } from '../../ui/diagnostics.js';
import { createView } from '../../ui/screen.js';
import type { Format } from '../parse/globals.js';
import { confirm } from './confirm.js';
import { actionEnvelope, type EnvelopeFacts, itemEnvelope, listEnvelope, summaryLine, toJson } from './envelope.js';
import { spelled, withSpelled } from './next.js';
import { chooseColumns, type Page, pageFooter, takePage } from './paging.js';
import { executeRows } from './rows.js';
import { isJson, type Runtime } from './runtime.js';
import { executeStream } from './stream.js';

// biome-ignore lint/suspicious/noExplicitAny: the commands of the registry have every input and result
type Any = any;

/**
 * Runs a command and draws its result.
 *
 * @param onChangesBegin called when from here on something may have been changed
 * @returns the exit code that the result asks for
 */
export async function execute(runtime: Runtime, onChangesBegin: () => void): Promise<ExitCode> {
  const { command } = runtime.invocation;
  if (command.kind === 'list') return executeList(command, runtime);
  if (command.kind === 'stream') return executeStream(command, runtime, facts(runtime, 0));
  const rows = command.kind === 'item' ? await command.rows?.(runtime.invocation.input, runtime.context) : undefined;
  if (rows !== undefined) return executeRows(rows, runtime, facts(runtime, 0));
  if (runtime.format === 'csv') {
    throw new PotctlError('E_USAGE', `'potctl ${command.name}' is no list: it has no csv`, { fix: ['Use `-o json`.'] });
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
  else command.render(result, runtime.context.live);
  return exitCode;
}

async function executeAction(
  command: ActionCommand<Any, Any, Any>,
  runtime: Runtime,
  onChangesBegin: () => void,
): Promise<ExitCode> {
  const { invocation, context } = runtime;
  const { dryRun, operator, reason = null, ticket = null } = invocation.change;
  const plan = command.gate && (await passGate(command.gate, runtime));
  if (!dryRun) onChangesBegin();
  const result: Any = await command.run(invocation.input, context, { dryRun, plan });
  runtime.progress.end('done');
  const changed = !dryRun && (command.changed?.(result) ?? true);
  if (changed && runtime.changes.all() === null) {
    runtime.changes.note(command.name, { changed: 'complete', ...(command.done && { detail: command.done(result) }) });
  }
  const exitCode = command.exitCode?.(result) ?? 0;
  if (!isJson(runtime.format)) {
    command.render(result, runtime.context.live);
    return exitCode;
  }
  const source = operator === undefined ? ('session' as const) : ('flag' as const);
  const who = { name: context.operator, source, verified: false };
  const action = { dryRun, changed, operator: who, reason, ticket };
  writeJson(runtime, actionEnvelope(facts(runtime, exitCode), action, withSpelled(result, runtime.here)));
  return exitCode;
}

/** The plan is shown before the question, and also when nobody is asked: logs should say what was agreed to. */
async function passGate(gate: NonNullable<ActionCommand<Any, Any, Any>['gate']>, runtime: Runtime): Promise<Any> {
  const { invocation, diagnostics, context } = runtime;
  const plan = await gate.prepare(invocation.input, context);
  runtime.progress.end('done');
  gate.renderPlan(plan, planView(runtime));
  const unasked = invocation.change.confirm === undefined && !invocation.noConfirm;
  if (invocation.change.dryRun || (unasked && gate.isAddition?.(plan))) return plan;
  await confirm({
    phrase: gate.phrase(plan),
    given: invocation.change.confirm,
    yes: invocation.change.yes,
    mild: gate.mild,
    prompter: invocation.noConfirm ? null : runtime.prompter,
    whyNot: invocation.noConfirm ? '--no-confirm is not known any more: the name is wanted' : runtime.whyNot,
    say: diagnostics.say,
  });
  return plan;
}

async function executeList(command: ListCommand<Any, Any>, runtime: Runtime): Promise<ExitCode> {
  const { invocation, context, diagnostics, formats, now } = runtime;
  const { limit, cursor, sort, columns: names, wide, failOnEmpty } = invocation.list;
  const columns: readonly Column<Any>[] = chooseColumns(command.columns, names, wide);
  const within = periodOf(command, runtime);
  const { items: listed, footer = [], ...told } = await command.run(invocation.input, context);
  const found = listed.map((item: Any) => withSpelled(item, runtime.here));
  const warnings = (told.warnings ?? []).map((one) => spelled(one, runtime.here));
  const all = found.filter(within);
  runtime.progress.end('done');
  const { items, page } = takePage(all, command.columns, { limit, cursor, sort }, formats);
  const exitCode = failOnEmpty && all.length === 0 ? 10 : (command.exitCode?.(all) ?? 0);
  const width = wide ? Number.POSITIVE_INFINITY : (runtime.output.columns ?? Number.POSITIVE_INFINITY);
  const about = { ...facts(runtime, exitCode), warnings: [...runtime.progress.warnings, ...warnings] };
  const lines: Record<Format, () => readonly string[]> = {
    json: () => [toJson(listEnvelope(about, page, items), runtime.output.isTerminal)],
    ndjson: () => [...items.map((item: unknown) => toJson(item)), toJson(summaryLine(about, page))],
    csv: () => csvLines(columns, items, now, formats),
    plain: () => plainLines(columns, items, now, formats),
    table: () => gridLines(fitTable(columns, items, { width, fixed: names !== undefined, now, formats })),
  };
  for (const line of lines[runtime.format]()) runtime.output.write(`${line}\n`);
  if (isJson(runtime.format)) return exitCode;
  for (const line of warnings) diagnostics.warn(line);
  sayFooter(
    page,
    footer.map((one) => spelled(one, runtime.here)),
    diagnostics,
  );
  return exitCode;
}

/** @throws E_USAGE when nothing can lie between the two */
function periodOf(command: ListCommand<Any, Any>, { invocation, now }: Runtime): (row: Any) => boolean {
  const { since, until } = invocation.list;
  const from = since?.(now.getTime()) ?? Number.NEGATIVE_INFINITY;
  const to = until?.(now.getTime()) ?? Number.POSITIVE_INFINITY;
  if (from > to) throw new PotctlError('E_USAGE', "'--since' lies after '--until'");
  if (command.at === undefined || (since === undefined && until === undefined)) return () => true;
  return (row) => {
    const ms = Date.parse(command.at!(row));
    return ms >= from && ms <= to;
  };
}

function sayFooter(page: Page, footer: readonly string[], diagnostics: Diagnostics): void {
  const more = pageFooter(page);
  if (more !== undefined) diagnostics.note(more);
  if (page.total === 0 && footer.length === 0) diagnostics.note('no rows');
  for (const line of footer) diagnostics.note(line);
}

/** On stderr, drawn by the diagnostics: the view only lays out. */
function planView({ diagnostics, formats, output, context }: Runtime): ReturnType<typeof createView> {
  const { say } = diagnostics;
  const { again, spelled } = context.live;
  return createView(
    { data: say, note: say, again, spelled, draw: (text) => text, width: output.columns ?? 80 },
    formats,
  );
}

function writeJson(runtime: Runtime, envelope: Record<string, unknown>): void {
  const pretty = runtime.format === 'json' && runtime.output.isTerminal;
  runtime.output.write(`${toJson(envelope, pretty)}\n`);
}

function facts({ invocation, context, now, progress }: Runtime, exitCode: number): EnvelopeFacts {
  const profile = context.known()?.profile;
  return {
    command: invocation.command.name,
    exitCode,
    profile: profile === undefined ? null : { name: profile.name, environment: profile.environment },
    generatedAt: now,
    runId: context.runId,
    traceId: context.traceId,
    warnings: progress.warnings,
  };
}
