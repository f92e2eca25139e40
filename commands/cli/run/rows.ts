import type { ExitCode } from '../../../src/kernel/error-catalog.js';
import type { Rows } from '../../command.js';
import { csvLines, fitTable, gridLines, plainLines } from '../../ui/columns.js';
import type { Format } from '../parse/globals.js';
import { type EnvelopeFacts, listEnvelope, summaryLine, toJson } from './envelope.js';
import { spelled } from './next.js';
import type { Page } from './paging.js';
import { isJson, type Runtime } from './runtime.js';

/** So many rows are drawn at once: the columns of a table are as wide as these need. */
const AT_ONCE = 500;

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
type Any = any;

/** Writes rows while they are read, in every format of a list; memory holds a few hundred of them. */
export async function executeRows(rows: Rows<Any>, runtime: Runtime, known: EnvelopeFacts): Promise<ExitCode> {
  const { diagnostics, format, output } = runtime;
  const { total, limit, warnings } = rows;
  const returned = limit === 0 ? total : Math.min(limit, total);
  const page: Page = { returned, total, truncated: returned < total, nextCursor: null };
  runtime.progress.end('done');
  const said = warnings.map((one) => spelled(one, runtime.here));
  const told = { ...known, warnings: [...known.warnings, ...said] };
  // The items are the last member of the envelope: what is in front of them is written first.
  const envelope = toJson(listEnvelope(told, page, []));
  if (format === 'json') output.write(envelope.slice(0, -']}'.length));
  for await (const [batch, first] of batches(rows.items, returned)) {
    for (const text of drawn(rows, batch, first, runtime)) output.write(text);
    await output.flush();
    if (output.failure() !== undefined) return 0;
  }
  if (format === 'json') output.write(']}\n');
  if (format === 'ndjson') output.write(`${toJson(summaryLine(told, page))}\n`);
  if (isJson(format)) return 0;
  for (const line of said) diagnostics.warn(line);
  if (page.truncated) diagnostics.note(`${returned} of ${total} shown — --limit 0 for all`);
  return 0;
}

function drawn({ columns }: Rows<Any>, batch: readonly Any[], first: boolean, runtime: Runtime): string[] {
  const { formats, now, output } = runtime;
  const width = output.columns ?? Number.POSITIVE_INFINITY;
  const shown = columns.filter((column) => column.wide !== true);
  // Header and first row come together; further batches go on below.
  const below = (lines: readonly string[]): string[] => (first ? [...lines] : lines.slice(1));
  const lined = (lines: readonly string[]): string[] => lines.map((line) => `${line}\n`);
  const draw: Record<Format, () => string[]> = {
    json: () => batch.map((row, at) => `${first && at === 0 ? '' : ','}${toJson(row)}`),
    ndjson: () => lined(batch.map((row) => toJson(row))),
    csv: () => lined(below(csvLines(columns, batch, now, formats))),
    plain: () => lined(plainLines(shown, batch, now, formats)),
    table: () => lined(below(gridLines(fitTable(shown, batch, { width, fixed: false, now, formats })))),
  };
  return draw[runtime.format]();
}

async function* batches(items: AsyncIterable<Any>, wanted: number): AsyncGenerator<[readonly Any[], boolean]> {
  let batch: Any[] = [];
  let [taken, first] = [0, true];
  for await (const item of items) {
    if (taken >= wanted) break;
    batch.push(item);
    taken += 1;
    if (batch.length < AT_ONCE) continue;
    yield [batch, first];
    [batch, first] = [[], false];
  }
  if (batch.length > 0) yield [batch, first];
}
