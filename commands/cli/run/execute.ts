import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { ActionCommand, AnyCommand, ListCommand } from '../../command.js';
import { type Column, csvLines, fitTable, gridLines, plainLines } from '../../ui/columns.js';
import type { Diagnostics } from '../../ui/diagnostics.js';
import { createView } from '../../ui/screen.js';
import type { Format } from '../parse/globals.js';
import { aimed, aimedWarning } from './aim.js';
import { confirm } from './confirm.js';
import { actionEnvelope, type EnvelopeFacts, itemEnvelope, listEnvelope, summaryLine, toJson } from './envelope.js';
import { chooseColumns, type Page, pageFooter, takePage } from './paging.js';
import { performRows } from './rows.js';
import { isJson, type Stage } from './runtime.js';
import { performStream } from './stream.js';

// biome-ignore lint/suspicious/noExplicitAny: the commands of the registry have every input and result
type Any = any;

/**
 * Runs a command and draws its result.
 *
 * @param onChangesBegin called when from here on something may have been changed
 * @returns the exit code that the result asks for
 */
export async function perform(stage: Stage, onChangesBegin: () => void): Promise<ExitCode> {
  const { command } = stage.invocation;
  if (command.kind === 'list') return performList(command, stage);
  if (command.kind === 'stream') return performStream(command, stage, facts(stage, 0));
  const rows = command.kind === 'item' ? await command.rows?.(stage.invocation.input, stage.context) : undefined;
  if (rows !== undefined) return performRows(rows, stage, facts(stage, 0));
  if (stage.format === 'csv') {
    throw new PotctlError('E_USAGE', `'potctl ${command.name}' is no list: it has no csv`, { fix: ['Use `-o json`.'] });
  }
  return command.kind === 'item' ? performItem(command, stage) : performAction(command, stage, onChangesBegin);
}

async function performItem(command: Extract<AnyCommand, { kind: 'item' }>, stage: Stage): Promise<ExitCode> {
  const { invocation, context } = stage;
  const result: Any = await command.run(invocation.input, context);
  stage.progress.end('done');
  const exitCode = command.exitCode?.(result) ?? 0;
  if (isJson(stage.format)) writeJson(stage, itemEnvelope(facts(stage, exitCode), result));
  else command.render(result, stage.context.live);
  return exitCode;
}

async function performAction(
  command: ActionCommand<Any, Any, Any>,
  stage: Stage,
  onChangesBegin: () => void,
): Promise<ExitCode> {
  const { invocation, context } = stage;
  const { dryRun, operator, reason = null, ticket = null } = invocation.change;
  const plan = command.gate && (await passGate(command.gate, stage));
  if (!dryRun) onChangesBegin();
  const result: Any = await command.run(invocation.input, context, { dryRun, plan });
  stage.progress.end('done');
  const changed = !dryRun && (command.changed?.(result) ?? true);
  if (changed && stage.changes.all() === null) {
    stage.changes.note(command.name, { changed: 'complete', ...(command.done && { detail: command.done(result) }) });
  }
  const exitCode = command.exitCode?.(result) ?? 0;
  if (!isJson(stage.format)) {
    command.render(result, stage.context.live);
    return exitCode;
  }
  const source = operator === undefined ? ('session' as const) : ('flag' as const);
  const who = { name: context.operator, source, verified: false };
  const action = { dryRun, changed, operator: who, reason, ticket };
  writeJson(stage, actionEnvelope(facts(stage, exitCode), action, result));
  return exitCode;
}

/** The plan is shown before the question, and also when nobody is asked: logs should say what was agreed to. */
async function passGate(gate: NonNullable<ActionCommand<Any, Any, Any>['gate']>, stage: Stage): Promise<Any> {
  const { invocation, diagnostics, context } = stage;
  const plan = await gate.prepare(invocation.input, context);
  stage.progress.end('done');
  gate.renderPlan(plan, planView(stage));
  const unasked = invocation.change.confirm === undefined && !invocation.noConfirm;
  if (invocation.change.dryRun || (unasked && gate.isAddition?.(plan))) return plan;
  await confirm({
    phrase: gate.phrase(plan),
    given: invocation.change.confirm,
    yes: invocation.change.yes,
    mild: gate.mild,
    argv: stage.argv,
    prompter: invocation.noConfirm ? null : stage.prompter,
    whyNot: invocation.noConfirm ? '--no-confirm is not known any more: the name is wanted' : stage.whyNot,
    say: diagnostics.say,
  });
  return plan;
}

async function performList(command: ListCommand<Any, Any>, stage: Stage): Promise<ExitCode> {
  const { invocation, context, diagnostics, formats, now } = stage;
  const { limit, cursor, sort, columns: names, wide, failOnEmpty } = invocation.list;
  const columns: readonly Column<Any>[] = chooseColumns(command.columns, names, wide);
  const within = periodOf(command, stage);
  const { items: found, footer = [], ...told } = await command.run(invocation.input, context);
  const warnings = (told.warnings ?? []).map((line) => aimedWarning(line, stage.aim));
  const all = found.filter(within);
  stage.progress.end('done');
  const { items, page } = takePage(all, command.columns, { limit, cursor, sort }, formats);
  const exitCode = failOnEmpty && all.length === 0 ? 10 : (command.exitCode?.(all) ?? 0);
  const width = wide ? Number.POSITIVE_INFINITY : (stage.output.columns ?? Number.POSITIVE_INFINITY);
  const about = { ...facts(stage, exitCode), warnings: [...stage.progress.warnings, ...warnings] };
  const lines: Record<Format, () => readonly string[]> = {
    json: () => [toJson(listEnvelope(about, page, items), stage.output.isTerminal)],
    ndjson: () => [...items.map((item: unknown) => toJson(item)), toJson(summaryLine(about, page))],
    csv: () => csvLines(columns, items, now, formats),
    plain: () => plainLines(columns, items, now, formats),
    table: () => gridLines(fitTable(columns, items, { width, fixed: names !== undefined, now, formats })),
  };
  for (const line of lines[stage.format]()) stage.output.write(`${line}\n`);
  if (isJson(stage.format)) return exitCode;
  for (const line of warnings) diagnostics.warn(line);
  sayFooter(
    page,
    footer.map((line) => aimed(line, stage.aim)),
    diagnostics,
  );
  return exitCode;
}

/** @throws E_USAGE when nothing can lie between the two */
function periodOf(command: ListCommand<Any, Any>, { invocation, now }: Stage): (row: Any) => boolean {
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
function planView({ diagnostics, formats, output, context }: Stage): ReturnType<typeof createView> {
  const { say } = diagnostics;
  const { again, aimed } = context.live;
  return createView({ data: say, note: say, again, aimed, draw: (text) => text, width: output.columns ?? 80 }, formats);
}

function writeJson(stage: Stage, envelope: Record<string, unknown>): void {
  const pretty = stage.format === 'json' && stage.output.isTerminal;
  stage.output.write(`${toJson(envelope, pretty)}\n`);
}

function facts({ invocation, context, now, progress }: Stage, exitCode: number): EnvelopeFacts {
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
