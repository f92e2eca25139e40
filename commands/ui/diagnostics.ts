import type { Clock } from '../../src/kernel/clock.js';
import { redact } from '../../src/kernel/secret.js';
import { bare, type Draw, paint } from './paint.js';
import { wrapProse } from './prose.js';

export type Level = 'debug' | 'info' | 'warning' | 'error';

/** Everything that goes to stderr: text for people, or one object per line with --log-format json. Secrets are redacted. */
export interface Diagnostics {
  readonly format: 'text' | 'json';
  /** Always written, even with -q: a plan, an interruption. Not wrapped. */
  say(line: string): void;
  /** A hint. Not written with -q. */
  note(line: string): void;
  warn(line: string): void;
  /** Written only with --debug. */
  debug(line: string): void;
  /** A log line. Not written in text format. */
  event(level: Level, name: string, fields: Readonly<Record<string, unknown>>): void;
  /** Writes an object as it is, e.g. an error. */
  object(value: Readonly<Record<string, unknown>>): void;
  readonly draw: Draw;
}

export interface DiagnosticsOptions {
  write(text: string): void;
  readonly draw: Draw;
  /** Returns the columns of the terminal, at which hints and warnings wrap; undefined = not a terminal. */
  columns?(): number | undefined;
  readonly clock: Clock;
  readonly format: 'text' | 'json';
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly runId: string;
  readonly traceId: string;
}

/** Creates the only writer of stderr. */
export function createDiagnostics(options: DiagnosticsOptions): Diagnostics {
  const { write, draw, clock, format, quiet, debug, runId, traceId } = options;
  const object = (value: Readonly<Record<string, unknown>>): void => write(`${JSON.stringify(value, redacted)}\n`);
  const event = (level: Level, name: string, fields: Readonly<Record<string, unknown>>): void => {
    if (format !== 'json') return;
    object({ time: clock.now().toISOString(), level, run_id: runId, trace_id: traceId, event: name, ...fields });
  };
  const out = (level: Level, name: string, line: string, columns?: number): void => {
    if (format === 'json') event(level, name, { text: bare(line) });
    else for (const one of wrapProse(redact(line), columns)) write(`${draw(one)}\n`);
  };
  return {
    format,
    draw,
    event,
    object,
    say: (line) => out('info', 'message', line),
    note: (line) => (quiet ? undefined : out('info', 'note', line, options.columns?.())),
    warn: (line) =>
      out('warning', 'warning', format === 'json' ? line : `${paint('warn', 'Warning:')} ${line}`, options.columns?.()),
    debug: (line) => (debug ? out('debug', 'debug', line) : undefined),
  };
}

/** Redacts before JSON escaping: a secret with quotes would no longer match afterwards. */
function redacted(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? redact(value) : value;
}
