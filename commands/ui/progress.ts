import { counted } from '../../src/kernel/counted.js';
import type { Advice } from '../../src/kernel/next.js';
import type { Progress, ProgressEvent } from '../../src/kernel/progress.js';
import type { Diagnostics } from './diagnostics.js';
import { formatBytes, formatDuration } from './format.js';
import { paint } from './paint.js';
import { createSpinner, type Spinner, type SpinnerTerminal } from './spinner.js';

/** Shows progress on stderr and collects warnings. */
export interface ProgressDisplay {
  readonly report: Progress;
  readonly warnings: readonly string[];
  /** Ends the current phase, with ✓ for `done` and ✗ for `failed`. Nothing is drawn until the next event. */
  end(outcome: 'done' | 'failed' | 'paused'): void;
  /** Writes lines without disturbing the spinner. */
  beside(write: () => void): void;
}

type SpelledEvent = Exclude<ProgressEvent, { kind: 'warning' }> | { readonly kind: 'warning'; readonly text: string };

interface Phase {
  readonly name: string;
  readonly startedMs: number;
}

export interface ProgressOptions {
  readonly diagnostics: Diagnostics;
  readonly quiet: boolean;
  /** Adds the flags that a command in a warning needs to work here. */
  readonly spelled: (given: Advice) => string;
  /** The terminal for the spinner; null if stderr is not a terminal. */
  readonly terminal: SpinnerTerminal | null;
  monotonicMs(): number;
}

/** A log gets at most one byte count per second. */
const BYTES_EVERY_MS = 1_000;

/**
 * Creates the progress display: a spinner on a terminal, one line per finished phase elsewhere, JSON lines with --log-format json, nothing
 * with -q.
 */
export function createProgress(options: ProgressOptions): ProgressDisplay {
  const { diagnostics, quiet, monotonicMs } = options;
  const drawn = diagnostics.format === 'text' && !quiet;
  const spinner = createSpinner(drawn ? options.terminal : null);
  const warnings: string[] = [];
  const log = eventLog(diagnostics, monotonicMs);
  let phase: Phase | undefined;

  const finish = (mark: string, facts = ''): void => {
    if (phase === undefined) return;
    const elapsed = formatDuration(monotonicMs() - phase.startedMs);
    spinner.clear();
    if (drawn) diagnostics.note(`  ${mark} ${phase.name.padEnd(14)}${facts === '' ? '' : `  ${facts}`}  ${elapsed}`);
    phase = undefined;
  };
  const draw = (event: SpelledEvent): void => {
    log(event);
    if (event.kind === 'warning') warn(event.text, spinner, diagnostics);
    if (event.kind === 'bytes' && phase) spinner.show(`${phase.name}  ${bytesText(event)}`);
    if (event.kind !== 'phase' && event.kind !== 'done') return;
    if (event.kind === 'phase' || phase?.name !== event.name) finish(paint('good', '✓'));
    phase ??= { name: event.name, startedMs: monotonicMs() };
    if (event.kind === 'phase') spinner.show(event.name);
    else finish(paint('good', '✓'), factsText(event.facts));
  };
  const report = (given: ProgressEvent): void => {
    const event = given.kind === 'warning' ? { ...given, text: options.spelled(given.text) } : given;
    if (event.kind === 'warning') warnings.push(event.text);
    guarded(() => draw(event), diagnostics);
  };
  const end = (outcome: 'done' | 'failed' | 'paused'): void => {
    if (outcome !== 'paused') finish(outcome === 'done' ? paint('good', '✓') : paint('bad', '✗'));
    spinner.clear();
  };
  return { report, warnings, end, beside: spinner.pause };
}

/** A failure to draw must not stop the work that reports progress. */
function guarded(drawing: () => void, diagnostics: Diagnostics): void {
  try {
    drawing();
  } catch (error) {
    diagnostics.debug(`progress could not be drawn: ${String(error)}`);
  }
}

/**
 * Formats facts: `125.5 MiB, 63 tables, 4,812,331 rows`. Names ending in `bytes` are sizes, in `_ms` durations; other numbers are counts.
 */
export function factsText(facts: Readonly<Record<string, string | number>>): string {
  return Object.entries(facts)
    .map(([name, value]) => factText(name, value))
    .join(', ');
}

function factText(name: string, value: string | number): string {
  if (typeof value === 'string') return value;
  const words = (suffix: RegExp): string => name.replace(suffix, '').replaceAll('_', ' ');
  if (/(^|_)bytes$/.test(name)) return `${formatBytes(value)} ${words(/_?bytes$/)}`.trim();
  if (/(^|_)ms$/.test(name)) return `${words(/_?ms$/)} ${formatDuration(value)}`.trim();
  return counted(value, oneOf(words(/^$/)), words(/^$/));
}

/** Facts have plural names: `rows`, `entries`. */
const oneOf = (many: string): string => (many.endsWith('ies') ? `${many.slice(0, -3)}y` : many.replace(/s$/, ''));

function bytesText({ done, total }: { readonly done: number; readonly total?: number }): string {
  if (total === undefined || total < done || total === 0) return formatBytes(done);
  return `${formatBytes(done)} of ${formatBytes(total)}  ${Math.floor((100 * done) / total)}%`;
}

function warn(text: string, spinner: Spinner, diagnostics: Diagnostics): void {
  spinner.pause(() => (diagnostics.format === 'text' ? diagnostics.warn(text) : undefined));
}

function eventLog(diagnostics: Diagnostics, monotonicMs: () => number): (event: SpelledEvent) => void {
  let bytesAtMs = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.kind === 'bytes' && monotonicMs() - bytesAtMs < BYTES_EVERY_MS) return;
    if (event.kind === 'bytes') bytesAtMs = monotonicMs();
    const { kind, ...fields } = event;
    diagnostics.event(kind === 'warning' ? 'warning' : 'info', kind, fields);
  };
}
