import type { ChangeNote } from '../../../src/kernel/changes.js';
import { ERROR_CATALOG, type ErrorCode, ExitCode } from '../../../src/kernel/error-catalog.js';
import { type Changed, fromErrno, PotctlError } from '../../../src/kernel/errors.js';
import type { Diagnostics } from '../../ui/diagnostics.js';
import { formatBytes } from '../../ui/format.js';
import { paint } from '../../ui/paint.js';
import { gluedCommands, unglued } from '../../ui/prose.js';
import { displayWidth, wrapWords } from '../../ui/visible.js';
import { type Here, spelled } from './next.js';

/** What the report needs in addition to the error. */
export interface ReportFacts {
  readonly json: boolean;
  readonly width: number;
  /** Width of the terminal, at which text is wrapped; absent for a log. */
  readonly wrapAt?: number | undefined;
  readonly runId: string;
  readonly traceId: string;
  readonly now: Date;
  /** Where this line works, for the suggested commands. */
  readonly here: Here;
}

const CHANGED: Readonly<Record<Changed, string>> = {
  nothing: 'nothing.',
  scratch: 'only temporary files or databases of this run; the next run removes them.',
  partial: 'part of the work is done.',
  complete: 'the work is complete.',
  unknown: 'unknown: check before you retry.',
};

/**
 * Turns anything thrown into an error for the operator: a system error (errno) keeps its meaning, everything else is a bug.
 *
 * @param changed what may have been changed, for errors that do not say so themselves
 */
export function asPotctlError(error: unknown, changed: Changed): PotctlError {
  if (error instanceof PotctlError) return error;
  if (error instanceof Error && error.message.includes('uv_cwd')) return nowhere(error);
  const known = fromErrno(error, 'finish the command');
  if (known instanceof PotctlError) return known.with({ changed });
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new PotctlError('E_BUG', 'this is a bug in potctl', { why, changed, cause: error });
}

/** The current directory was deleted, so relative paths mean nothing. They are resolved before anything is changed. */
function nowhere(cause: Error): PotctlError {
  return new PotctlError('E_UNFIT', 'the current directory no longer exists', {
    why: 'it was deleted or replaced after the shell entered it',
    fix: ['`cd` to an existing directory (for the same path: `cd "$PWD"`), then retry.'],
    cause,
  });
}

/**
 * Adds what was changed to an error, whatever ended the command. The failed step knows best if it reports a change; otherwise the recorded
 * changes are used.
 */
export function withChanges(error: PotctlError, note: ChangeNote | null): PotctlError {
  if (note === null) return error;
  const knows = error.changedDetail !== undefined && (error.changed === 'partial' || error.changed === 'unknown');
  if (knows) return error;
  const detail = [note.detail, error.changedDetail].filter((part) => part !== undefined).join('; ');
  const isStopped = error.code === 'E_INTERRUPTED' || error.code === 'E_TERMINATED';
  const repeats =
    note.changed === 'complete' && isStopped ? ['The change is complete: do not repeat the command.'] : error.fix;
  return error.with({
    changed: note.changed,
    ...(detail === '' ? {} : { changedDetail: detail }),
    fix: [...(note.fix ?? []), ...repeats],
  });
}

/** Prints what failed, why, what was changed and what to do: as text, or as one object with --json. */
export function report(error: PotctlError, diagnostics: Diagnostics, facts: ReportFacts): void {
  if (facts.json || diagnostics.format === 'json') diagnostics.object(errorObject(error, facts));
  else for (const line of errorLines(error, facts)) diagnostics.say(line);
  for (const line of stackOf(error).split('\n')) diagnostics.debug(paint('dim', line));
}

/** Returns the class of an exit code, e.g. `unreachable`. */
export function classOf(exit: number): string {
  const name = Object.entries(ExitCode).find(([, code]) => code === exit)?.[0] ?? 'unknown';
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Returns the error as an object; all keys are always present. */
export function errorObject(error: PotctlError, facts: ReportFacts): Record<string, unknown> {
  const { code, message, why, changed, changedDetail, exitCode } = error;
  return {
    schema: 'potctl/error@1',
    ok: false,
    time: facts.now.toISOString(),
    level: 'error',
    run_id: facts.runId,
    trace_id: facts.traceId,
    error: {
      code,
      class: classOf(exitCode),
      exit: exitCode,
      retryable: isRetryable(code),
      changed,
      changed_detail: changedDetail ?? null,
      message,
      why: why ?? null,
      fix: fixOf(error, facts),
      docs: `potctl explain ${code}`,
    },
  };
}

/** Returns whether the same command can succeed later without a change. */
export function isRetryable(code: ErrorCode): boolean {
  return 'retryable' in ERROR_CATALOG[code];
}

function errorLines(error: PotctlError, facts: ReportFacts): string[] {
  const { width } = facts;
  const { code, message, changed, changedDetail } = error;
  const [first = '', ...more] = shortened(message).split('\n');
  const text = `Error: ${first}${/[.?!:]$/.test(first) ? '' : '.'}`;
  const gap = Math.max(2, Math.min(width, 100) - displayWidth(text) - code.length);
  const fits = facts.wrapAt === undefined || displayWidth(text) + 2 + code.length <= facts.wrapAt;
  // If it does not fit, the last line still names the code.
  const [head = '', ...rest] = fits ? [text] : wrapWords(text, facts.wrapAt!);
  const labelled = (label: string, lines: readonly string[]): string[] => labelledLines(label, lines, facts.wrapAt);
  return [
    `${paint('bad', 'Error:')}${head.slice('Error:'.length)}${fits ? `${' '.repeat(gap)}${paint('dim', code)}` : ''}`,
    ...rest.map((line) => `  ${line}`),
    ...more.map((line) => `  ${line}`),
    ...labelled('Why:', whyLines(error.why)),
    ...labelled('Changed:', [changedDetail === undefined ? CHANGED[changed] : `${word(changed)}${changedDetail}`]),
    ...labelled(
      'Do:',
      fixOf(error, facts).flatMap((line) => capitalized(line).split('\n')),
    ),
    ...labelled('More:', [`potctl explain ${code}`]),
  ];
}

/** A fix reads as a sentence; a command, a setting or a path at its beginning stays as it is. */
const capitalized = (line: string): string =>
  /^[a-z]+ /.test(line) && !line.startsWith('potctl ') ? `${line[0]!.toUpperCase()}${line.slice(1)}` : line;

const fixOf = ({ fix }: PotctlError, { here }: ReportFacts): string[] => fix.map((one) => spelled(one, here));

/** Input quoted in a message can be very long and would push the advice off the screen. JSON has the full text. */
const shortened = (text: string): string => (text.length > 1000 ? `${text.slice(0, 500)}…${text.slice(-100)}` : text);

function word(changed: Changed): string {
  return changed === 'complete' || changed === 'partial' ? '' : `${CHANGED[changed].replace(/[.:].*/, '')}; `;
}

function whyLines(why: PotctlError['why']): string[] {
  if (why === undefined) return [];
  if (typeof why === 'string') return why.split('\n');
  return Object.entries(why)
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([name, value]) => {
      if (name === 'problem') return plain(value);
      const isSize = name.endsWith('_bytes') && typeof value === 'number';
      return isSize
        ? `${words(name).slice(0, -' bytes'.length)} ${formatBytes(value)}`
        : `${words(name)} ${plain(value)}`;
    });
}

const words = (name: string): string => name.replaceAll('_', ' ');

function plain(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join('; ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

const INDENT = 12;

function labelledLines(label: string, lines: readonly string[], wrapAt: number | undefined): string[] {
  const broken = lines.flatMap((line) => {
    // A command is not wrapped, so that it can be pasted.
    if (wrapAt === undefined || /^ *(?:[A-Z]+=\S+ )*potctl /.test(line)) return [line];
    return wrapWords(gluedCommands(line), Math.max(20, wrapAt - INDENT)).map(unglued);
  });
  return broken.map((line, at) => `  ${(at === 0 ? label : '').padEnd(INDENT - 2)}${line}`.trimEnd());
}

function stackOf(error: PotctlError): string {
  const own = error.stack ?? error.message;
  const { cause } = error;
  if (cause === undefined) return own;
  return `${own}\ncaused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
}
