import { newRunId, newTraceId } from '../../../src/host/identity.js';
import { type Changes, createChanges } from '../../../src/kernel/changes.js';
import { systemClock } from '../../../src/kernel/clock.js';
import type { Advice } from '../../../src/kernel/next.js';
import type { AnyCommand } from '../../command.js';
import type { Context } from '../../context.js';
import { createDiagnostics, type Diagnostics } from '../../ui/diagnostics.js';
import { createFormats } from '../../ui/format.js';
import { createDraw } from '../../ui/paint.js';
import { createProgress, type ProgressDisplay } from '../../ui/progress.js';
import { createPrompter, type Prompter } from '../../ui/prompts.js';
import { createView, type Screen, type ViewTarget } from '../../ui/screen.js';
import { createTerminal } from '../../ui/terminal.js';
import type { Formats } from '../../ui/view.js';
import type { Format } from '../parse/globals.js';
import { type Invocation, isOn } from '../parse/invocation.js';
import type { InputSpec } from '../parse/options.js';
import { asCommand, type Here, hereOf, spelled } from './next.js';
import { openContext } from './open-context.js';
import { type Interrupts, type SignalHost, watchInterrupts } from './signals.js';
import { type Output, wantsColor } from './streams.js';

/** What main uses of the process. */
export interface Host
  extends SignalHost,
    Pick<NodeJS.Process, 'env' | 'stdin' | 'stdout' | 'stderr' | 'cwd' | 'pid' | 'exitCode' | 'removeAllListeners'> {
  on(event: string, listener: (value: never) => void): unknown;
  off(event: string, listener: (value: never) => void): unknown;
}

/** One run of main. */
export interface Frame {
  readonly argv: readonly string[];
  readonly host: Host;
  readonly output: Output;
  readonly errors: Output;
  /** All commands, for the flags of suggested ones. */
  readonly commands: readonly AnyCommand[];
}

/** Everything around one command. */
export interface Runtime {
  readonly invocation: Invocation;
  /** Where this line works, for the suggested commands. */
  readonly here: Here;
  readonly context: Context;
  /** The view of the result. */
  readonly screen: Screen;
  readonly interrupts: Interrupts;
  readonly changes: Changes;
  readonly progress: ProgressDisplay;
  readonly diagnostics: Diagnostics;
  readonly output: Output;
  readonly formats: Formats;
  readonly format: Format;
  readonly now: Date;
  /** null if nobody can be asked; `whyNot` says why. */
  readonly prompter: Prompter | null;
  readonly whyNot: string;
}

/** Sets up the streams, signals, progress and context of one command. Does not connect or read anything yet. */
export async function openRuntime(frame: Frame, invocation: Invocation): Promise<Runtime> {
  const { host } = frame;
  const { globals } = invocation;
  const now = systemClock.now();
  const ids = { runId: newRunId(now), traceId: globals.traceId ?? newTraceId() };
  const diagnostics = await openDiagnostics(frame, invocation, ids);
  const changes = createChanges();
  const { argv, commands } = frame;
  const here = hereOf(invocation, argv, { environment: host.env, cwd: directoryOf(host), commands });
  const spell = (given: Advice): string => spelled(given, here);
  const interrupts = watchInterrupts(host, globals.timeout, diagnostics.say, changes.all, spell);
  const formats = createFormats(globals.tz, now);
  const progress = openProgress(frame, diagnostics, globals.quiet, spell);
  const screen = createView(await liveTarget(frame, invocation, { diagnostics, progress, here }), formats);
  const whyNot = whyNobodyIsAsked(host, globals.noInput);
  const prompter = whyNot === '' ? promptHere(host, interrupts.signal) : null;
  const tools = { interrupts, changes, diagnostics, progress, prompter };
  const terminal =
    prompter && createTerminal({ ...tools, prompter, input: host.stdin, output: host.stderr, kind: host.env['TERM'] });
  const context = openContext({ ...ids, ...tools, live: screen, invocation, host, terminal, whyNot });
  const format = formatOf(invocation, frame.output);
  return { ...tools, invocation, here, output: frame.output, screen, context, formats, format, now, whyNot };
}

/** null if it was deleted. */
function directoryOf(host: Host): string | null {
  try {
    return host.cwd();
  } catch {
    return null;
  }
}

function openProgress(
  { host, errors }: Frame,
  diagnostics: Diagnostics,
  quiet: boolean,
  spell: (given: Advice) => string,
): ProgressDisplay {
  const terminal = errors.isTerminal && host.env['TERM'] !== 'dumb' ? errors : null;
  return createProgress({
    diagnostics,
    quiet,
    terminal,
    spelled: spell,
    monotonicMs: systemClock.monotonicMs,
  });
}

/** Returns the output format. By default a list is a table on a terminal and plain lines elsewhere; other output is the same everywhere. */
export function formatOf({ globals, command }: Invocation, output: Output): Format {
  if (globals.json) return 'json';
  return globals.output ?? (['list', 'stream'].includes(command.kind) && !output.isTerminal ? 'plain' : 'table');
}

/** Where lines for people go: to stdout, or to stderr if stdout carries JSON. */
async function liveTarget(
  frame: Frame,
  invocation: Invocation,
  { diagnostics, progress, here }: Pick<Runtime, 'diagnostics' | 'progress' | 'here'>,
): Promise<ViewTarget> {
  const { output, host } = frame;
  const width = output.columns ?? 80;
  const { say, note } = diagnostics;
  const spell = (given: Advice): string => spelled(given, here);
  const typed = positionalOf(invocation);
  const again = (command: string, argument: string): string =>
    asCommand([invocation.command.name, command], argument, typed, here);
  if (isJson(formatOf(invocation, output)))
    return { data: say, note, again, spelled: spell, draw: (text) => text, width };
  const data = (line: string): void => progress.beside(() => output.write(`${line}\n`));
  const draw = await createDraw(wantsColor(output.isTerminal, invocation.globals.color, host.env));
  return {
    data,
    note: (line) => progress.beside(() => note(line)),
    again,
    spelled: spell,
    draw,
    width,
    wrapAt: output.columns,
  };
}

function positionalOf({ command, input }: Invocation): string | undefined {
  const key = Object.entries(command.input as InputSpec).find(([, { takes }]) => takes === 'argument')?.[0];
  const value: unknown = key === undefined ? undefined : input[key];
  return typeof value === 'string' ? value : undefined;
}

/** Returns whether the format is JSON. */
export function isJson(format: Format): boolean {
  return format === 'json' || format === 'ndjson';
}

async function openDiagnostics(
  { errors, host }: Frame,
  { globals }: Invocation,
  ids: { readonly runId: string; readonly traceId: string },
): Promise<Diagnostics> {
  return createDiagnostics({
    write: errors.write,
    columns: () => errors.columns,
    draw: await createDraw(wantsColor(errors.isTerminal, globals.color, host.env)),
    clock: systemClock,
    format: globals.logFormat,
    quiet: globals.quiet,
    debug: globals.debug,
    ...ids,
  });
}

/** Says why nobody can be asked; empty if somebody can. Answers are never read from redirected input. */
function whyNobodyIsAsked({ stdin, stderr, env }: Host, noInput: boolean): string {
  if (noInput) return '--no-input disables prompts';
  if (isOn(env['CI'])) return 'prompts are disabled in CI';
  return stdin.isTTY && stderr.isTTY ? '' : 'there is no terminal';
}

function promptHere({ stdin, stderr }: Host, signal: AbortSignal): Prompter {
  return createPrompter({ input: stdin, output: stderr, signal });
}
