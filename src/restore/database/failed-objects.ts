import type { TocEntry } from '../../dump/toc.js';
import { withoutRow } from '../../postgres/tool-errors.js';
import type { Finding } from '../../runs/accept.js';

const COMMAND_LINES = 12;
const CONTEXT_LINES = 8;
/** The number of failures that are kept; further ones are only counted. */
const KEPT = 1_000;

/** An object that pg_restore or psql could not restore. */
export interface FailedObject extends Finding {
  /** The server's error, without the surrounding lines. */
  readonly error: string;
  /** The functions that were running, innermost first, as the server names them. */
  readonly functions: readonly string[];
}

/** Receives the output of pg_restore or psql, line by line. */
export interface FailureListener {
  line(line: string): void;
  /** @returns the failures, in order, without duplicates */
  failed(): readonly FailedObject[];
  /** Whether the tool finished despite errors; otherwise the rest was not attempted. */
  reachedEnd(): boolean;
}

interface Raw {
  name: string;
  error: string;
  readonly context: string[];
  readonly command: string[];
  part: 'error' | 'context' | 'command';
}

/**
 * Collects which objects a tool could not restore, and why.
 *
 * Workers write concurrently, so two errors may be attributed to each other's object. What matters still holds: each failed object is named,
 * and an unexplained error is reported as such.
 *
 * @param toc of the dump; empty for a plain dump, whose failures are named by script lines
 */
export function listenForFailures(toc: readonly TocEntry[]): FailureListener {
  const names = new Map(toc.map((entry) => [entry.dumpId, objectName(entry)]));
  // In the order of the dump, whichever worker comes first.
  const order = new Map([...names.values()].map((name, at) => [name, at]));
  const placeOf = ({ name }: FailedObject): number => order.get(name) ?? names.size;
  const waiting: string[] = [];
  const found: Raw[] = [];
  let [last, errors, ignored] = ['object:UNKNOWN', 0, null as number | null];
  // Errors whose text is still to come.
  let owed = 0;
  const begin = (name: string, error: string): void => {
    last = name;
    errors += 1;
    if (found.length < KEPT) found.push({ name, error: plainError(error), context: [], command: [], part: 'error' });
  };
  return {
    line(line) {
      const { text, errorsBegun } = withoutPrefixes(line);
      owed += errorsBegun;
      const [, dumpId] = ENTRY.exec(text) ?? [];
      const [, at, scriptError] = SCRIPT_ERROR.exec(line) ?? [];
      const [, count] = SUMMARY.exec(line) ?? [];
      const isError = owed > 0 && (errorsBegun > 0 || BARE_ERROR.test(line));
      if (dumpId !== undefined) waiting.push(names.get(Number(dumpId)) ?? `object:ENTRY ${dumpId}`);
      else if (isError) {
        owed -= 1;
        if (!WORKER_DIED.test(text)) begin(waiting.shift() ?? last, text);
      } else if (at !== undefined) begin(`object:LINE ${at}`, scriptError!);
      else if (count !== undefined) ignored = Number(count);
      else if (!OTHER.test(line)) takeDetail(found.at(-1), line);
    },
    failed: () => {
      // The summary counts errors of workers twice.
      const isTold = errors === found.length && (ignored ?? 0) <= 2 * errors;
      const all = once(found.map(describe)).sort((one, other) => placeOf(one) - placeOf(other));
      return [...all, ...(isTold ? [] : [OTHER_ERRORS])];
    },
    reachedEnd: () => ignored !== null,
  };
}

/**
 * Workers write the prefix, the level and the text of a message one by one, so those of two messages may be mixed: the prefix of one, then
 * all of the other, and the text of the first on a line of its own.
 */
function withoutPrefixes(line: string): { readonly text: string; readonly errorsBegun: number } {
  const [prefixes] = /^(?:pg_restore: (?:error: )?)*/.exec(line)!;
  return { text: line.slice(prefixes.length), errorsBegun: prefixes.split('error: ').length - 1 };
}

const ENTRY = /^from TOC entry (\d+);/;
/** The text of an error without its prefix. */
const BARE_ERROR = /^(?:could not |COPY failed )/;
const WORKER_DIED = /^a worker process died/;
const SCRIPT_ERROR = /^psql:[^:]*:(\d+): (?:ERROR|error): {1,2}(.*)$/;
const SUMMARY = /pg_restore: warning: errors ignored on restore: (\d+)$/;
const OTHER = /^(?:pg_restore|psql)\b|^while [A-Z ]+ TOC:$/;

const OTHER_ERRORS: FailedObject = {
  name: 'object:OTHER ERRORS',
  state: 'fail',
  detail: 'more errors than potctl could identify',
  error: '',
  functions: [],
};

/** `could not execute query: ERROR:  x` → `x`. */
const plainError = (text: string): string => text.replace(/^.*?\bERROR: {1,2}/, '');

/** The name of a dump entry, for `--accept`. Pure. */
export function objectName({ desc, schema, name }: TocEntry): string {
  return `object:${desc} ${schema === null ? name : `${schema}.${name}`}`;
}

function takeDetail(raw: Raw | undefined, line: string): void {
  if (raw === undefined) return;
  if (line.startsWith('Command was: ')) raw.part = 'command';
  else if (/^(CONTEXT|DETAIL|HINT|QUERY|LINE \d+):/.test(line)) raw.part = 'context';
  if (raw.part === 'command' && raw.command.length < COMMAND_LINES) raw.command.push(line.trimEnd());
  if (raw.part === 'context' && raw.context.length < CONTEXT_LINES) raw.context.push(withoutRow(line));
}

function describe({ name, error, context, command }: Raw): FailedObject {
  const lines = [`${name.replace(/^object:/, '')}: ${error}`, ...context, ...command].filter((line) => line !== '');
  return { name, state: 'fail', detail: lines.join('\n'), error, functions: context.flatMap(functionOf) };
}

function functionOf(line: string): string[] {
  const [, signature] = /PL\/pgSQL function (.+\)) line \d+/.exec(line) ?? [];
  const [, name] = /SQL function "(.+)" (?:statement \d+|during (?:inlining|startup))/.exec(line) ?? [];
  return [signature ?? name ?? []].flat();
}

function once(all: readonly FailedObject[]): FailedObject[] {
  return [...new Map(all.map((one) => [`${one.name}\0${one.detail}`, one])).values()];
}
