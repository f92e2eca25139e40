import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { type Column, csvLines, fitTable, plainLines } from '../../ui/columns.js';
import { paint } from '../../ui/paint.js';
import { tableLines } from '../../ui/table.js';
import type { Format } from '../parse/globals.js';
import { type EnvelopeFacts, listEnvelope, pageFacts, summaryLine } from './envelope.js';
import { rowWriter, toJson } from './json.js';
import type { Page } from './paging.js';
import { isJson, type Runtime } from './runtime.js';

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
type Any = any;

/** Rows to write: those of a list, of a stream, or of one thing. */
export interface RowSource {
  readonly columns: readonly Column<Any>[];
  /** The columns of csv. */
  readonly csvColumns: readonly Column<Any>[];
  /** `wide`: ignore the screen width; `fixed`: drop no column. */
  readonly screen: { readonly wide: boolean; readonly fixed: boolean };
  /** Each batch is drawn as one table. The next one is requested once this one is written. */
  readonly batches: AsyncIterable<readonly Any[]>;
  readonly facts: EnvelopeFacts;
  /** null if it is known only at the end; then JSON has it after the rows. */
  readonly page: Page | null;
  /** All rows have the same shape. */
  readonly uniform: boolean;
  /** Indents JSON, for people. */
  readonly pretty: boolean;
  /** Called once, after the last row. */
  end(): RowsEnd;
}

/** What is known after the last row. */
export interface RowsEnd {
  readonly page: Page;
  readonly exitCode: ExitCode;
  /** Printed on stderr; JSON has the warnings in its envelope. */
  readonly warnings: readonly string[];
  readonly footer: readonly string[];
}

/**
 * Writes rows in the requested format while they are read; at most two batches are in memory. Stops silently if the reader is gone.
 *
 * @returns the exit code of the source
 */
export async function writeRows(source: RowSource, runtime: Runtime): Promise<ExitCode> {
  const { diagnostics, format, output, progress } = runtime;
  const draw = DRAWINGS[format](source, runtime);
  let isFirst = true;
  for await (const batch of source.batches) {
    if (!isFirst) {
      await output.flush();
      if (output.failure() !== undefined) return ExitCode.ok;
    }
    output.write(await draw.rows(batch, isFirst));
    isFirst = false;
  }
  progress.end('done');
  const end = source.end();
  output.write(draw.end(end, isFirst));
  if (isJson(format)) return end.exitCode;
  for (const line of end.warnings) diagnostics.warn(line);
  for (const line of end.footer) diagnostics.note(line);
  return end.exitCode;
}

/** One format. The first batch includes the header; later ones continue below. */
interface Drawing {
  rows(batch: readonly Any[], isFirst: boolean): string | Promise<string>;
  /** @param isFirst no batch came at all */
  end(end: RowsEnd, isFirst: boolean): string;
}

const DRAWINGS: Readonly<Record<Format, (source: RowSource, runtime: Runtime) => Drawing>> = {
  json: drawJson,
  ndjson({ facts, uniform }) {
    const text = rowWriter(facts.verbatim, uniform);
    return {
      rows: (batch) => lined(batch.map((row) => text(row))),
      end: ({ page, exitCode }) => lined([toJson(summaryLine({ ...facts, exitCode }, page))]),
    };
  },
  csv: ({ csvColumns }, { now, formats }) => ({
    rows: (batch, isFirst) => lined(below(csvLines(csvColumns, batch, now, formats), isFirst)),
    end: () => '',
  }),
  plain: ({ columns }, { now, formats }) => ({
    rows: (batch) => lined(plainLines(columns, batch, now, formats)),
    end: () => '',
  }),
  table: drawTable,
};

const lined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const below = (lines: readonly string[], isFirst: boolean): readonly string[] => (isFirst ? lines : lines.slice(1));

function drawTable(
  { columns, screen: { wide, fixed } }: RowSource,
  { now, formats, output, screen }: Runtime,
): Drawing {
  let drawn = 0;
  return {
    async rows(batch, isFirst) {
      const width = wide ? Number.POSITIVE_INFINITY : (output.columns ?? Number.POSITIVE_INFINITY);
      const { header, rows, align } = fitTable(columns, batch, { width, fixed, now, formats });
      const painted = header.map((name) => paint('dim', name));
      const lines = await tableLines({ header: painted, rows, align }, drawn);
      drawn += batch.length;
      return lined(below(lines.map(screen.draw), isFirst));
    },
    end: () => '',
  };
}

/** The items are the last member of the envelope: what is in front of them is written first, and the page behind where it is known late. */
function drawJson({ facts, page, pretty, uniform }: RowSource): Drawing {
  const [line, indent] = pretty ? ['\n', '    '] : ['', ''];
  const text = rowWriter(facts.verbatim, uniform);
  const head = (exitCode: number): string => {
    const whole = toJson(listEnvelope({ ...facts, exitCode }, page), pretty);
    return whole.slice(0, whole.lastIndexOf(']'));
  };
  let isEmpty = true;
  const item = (row: Any): string => {
    const comma = isEmpty ? '' : ',';
    isEmpty = false;
    return `${comma}${line}${indent}${pretty ? text(row, true).replaceAll('\n', `\n${indent}`) : text(row)}`;
  };
  return {
    rows: (batch, isFirst) => `${isFirst ? head(facts.exitCode) : ''}${batch.map(item).join('')}`,
    end(end, isFirst) {
      const last = page === null ? `,"page":${toJson(pageFacts(end.page))}` : '';
      return `${isFirst ? head(end.exitCode) : ''}${isEmpty ? '' : `${line}${indent.slice(2)}`}]${last}${line}}\n`;
    },
  };
}
