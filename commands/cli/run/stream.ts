import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { StreamCommand } from '../../command.js';
import { type Column, csvLines, fitTable, gridLines, plainLines } from '../../ui/columns.js';
import type { Format } from '../parse/globals.js';
import { type EnvelopeFacts, listEnvelope, pageFacts, summaryLine, toJson } from './envelope.js';
import { chooseColumns, type Page, pageFooter } from './paging.js';
import { isJson, type Runtime } from './runtime.js';

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
type Any = any;

/** Writes rows while they are read, in every format of a list; memory holds two batches of them. What is known at the end stands there. */
export async function executeStream(
  command: StreamCommand<Any, Any>,
  runtime: Runtime,
  known: EnvelopeFacts,
): Promise<ExitCode> {
  const { invocation, context, format, output, diagnostics } = runtime;
  const { limit, cursor, columns: names, wide, failOnEmpty } = invocation.list;
  const columns = chooseColumns(command.columns, names, wide);
  const after = cursor === undefined ? null : readCursor(cursor);
  // One row more than asked for: whether there are more must be known, and not guessed.
  const batches = command.run(invocation.input, context, { after, limit: limit === 0 ? 0 : limit + 1 });
  const shown = { count: 0, more: false, last: undefined as Any };
  const head = toJson(listEnvelope(known, null, [])).slice(0, -']}'.length);
  for await (const batch of batches) {
    const wanted = limit === 0 ? batch : batch.slice(0, limit - shown.count);
    shown.more = wanted.length < batch.length;
    if (shown.count === 0 && format === 'json') output.write(head);
    output.write(drawn(columns, wanted, shown.count === 0, runtime).join(''));
    shown.count += wanted.length;
    shown.last = wanted.at(-1) ?? shown.last;
    await output.flush();
    if (output.failure() !== undefined) return ExitCode.ok;
  }
  runtime.progress.end('done');
  const nextCursor = shown.more ? writeCursor(command.key(shown.last)) : null;
  const total = after === null && !shown.more ? shown.count : null;
  const page: Page = { returned: shown.count, total, truncated: shown.more, nextCursor };
  const exitCode = failOnEmpty && shown.count === 0 ? ExitCode.notFound : ExitCode.ok;
  const start = shown.count === 0 ? toJson(listEnvelope({ ...known, exitCode }, null, [])).slice(0, -']}'.length) : '';
  if (format === 'json') output.write(`${start}],"page":${toJson(pageFacts(page))}}\n`);
  if (format === 'ndjson') output.write(`${toJson(summaryLine({ ...known, exitCode }, page))}\n`);
  if (isJson(format)) return exitCode;
  const footer = shown.count === 0 ? 'no rows' : pageFooter(page);
  if (footer !== undefined) diagnostics.note(footer);
  return exitCode;
}

function drawn(columns: readonly Column<Any>[], batch: readonly Any[], first: boolean, runtime: Runtime): string[] {
  const { formats, now, output, invocation } = runtime;
  const { wide, columns: names } = invocation.list;
  const width = wide ? Number.POSITIVE_INFINITY : (output.columns ?? Number.POSITIVE_INFINITY);
  // Header and first rows come together; further batches go on below.
  const below = (lines: readonly string[]): readonly string[] => (first ? lines : lines.slice(1));
  const lined = (lines: readonly string[]): string[] => lines.map((line) => `${line}\n`);
  const screen = { width, fixed: names !== undefined, now, formats };
  const draw: Record<Format, () => string[]> = {
    // Rows of a database have neither undefined nor bigint: the plain way costs a third.
    json: () => batch.map((row, at) => `${first && at === 0 ? '' : ','}${JSON.stringify(row)}`),
    ndjson: () => batch.map((row) => `${JSON.stringify(row)}\n`),
    csv: () => lined(below(csvLines(columns, batch, now, formats))),
    plain: () => lined(plainLines(columns, batch, now, formats)),
    table: () => lined(below(gridLines(fitTable(columns, batch, screen)))),
  };
  return draw[runtime.format]();
}

const writeCursor = (key: string): string => Buffer.from(JSON.stringify(['key', key])).toString('base64url');

function readCursor(text: string): string {
  try {
    const [kind, key] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (kind === 'key' && typeof key === 'string') return key;
  } catch {
    // Not one of ours: said below.
  }
  throw new PotctlError('E_USAGE', `'--cursor' takes the cursor of the last page of the same list, not '${text}'`);
}
