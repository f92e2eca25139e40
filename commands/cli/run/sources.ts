import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import type { ListCommand, Rows, StreamCommand } from '../../command.js';
import type { Column } from '../../ui/columns.js';
import { readCursor, writeCursor } from './cursor.js';
import type { EnvelopeFacts } from './envelope.js';
import { spelled, withSpelled } from './next.js';
import { chooseColumns, type Page, pageFooter, takePage } from './paging.js';
import type { Runtime } from './runtime.js';
import type { RowSource } from './writer.js';

/** Rows per batch when the rows of one thing are drawn. */
const AT_ONCE = 500;

// biome-ignore lint/suspicious/noExplicitAny: rows of any shape, drawn by their own columns
type Any = any;

/**
 * Runs a list command: reads all rows, sorts them and cuts one page.
 *
 * @param factsOf returns the facts of the envelope, once the list is read
 */
export async function listSource(
  command: ListCommand<Any, Any>,
  runtime: Runtime,
  factsOf: (exitCode: number) => EnvelopeFacts,
): Promise<RowSource> {
  const { invocation, context, formats, output, progress } = runtime;
  const { limit, cursor, sort, columns: names, wide, failOnEmpty } = invocation.list;
  const columns: readonly Column<Any>[] = chooseColumns(command.columns, names, wide);
  const within = periodOf(command, runtime);
  const { items: listed, footer = [], ...told } = await command.run(invocation.input, context);
  const found = listed.map((item: Any) => withSpelled(item, runtime.here));
  const warnings = (told.warnings ?? []).map((one) => spelled(one, runtime.here));
  const all = found.filter(within);
  progress.end('done');
  const { items, page } = takePage(all, command.columns, { list: command.name, limit, cursor, sort }, formats);
  const exitCode = failOnEmpty && all.length === 0 ? ExitCode.notFound : (command.exitCode?.(all) ?? ExitCode.ok);
  const facts = factsOf(exitCode);
  const more = pageFooter(page) ?? (page.total === 0 && footer.length === 0 ? 'no rows' : undefined);
  const lines = [...(more === undefined ? [] : [more]), ...footer.map((one) => spelled(one, runtime.here))];
  return {
    ...{ columns, csvColumns: columns, screen: { wide, fixed: names !== undefined && !names.startsWith('+') } },
    ...{ batches: one(items), page, uniform: false, pretty: output.isTerminal },
    facts: { ...facts, warnings: [...facts.warnings, ...warnings] },
    end: () => ({ page, exitCode, warnings, footer: lines }),
  };
}

async function* one(items: readonly Any[]): AsyncGenerator<readonly Any[]> {
  yield items;
}

/** @throws E_USAGE if --since is after --until */
function periodOf(command: ListCommand<Any, Any>, { invocation, now }: Runtime): (row: Any) => boolean {
  const { since, until } = invocation.list;
  const from = since?.(now.getTime()) ?? Number.NEGATIVE_INFINITY;
  const to = until?.(now.getTime()) ?? Number.POSITIVE_INFINITY;
  if (from > to) throw new PotctlError('E_USAGE', "'--since' is later than '--until'");
  if (command.at === undefined || (since === undefined && until === undefined)) return () => true;
  return (row) => {
    const ms = Date.parse(command.at!(row));
    return ms >= from && ms <= to;
  };
}

/** The rows of one thing. Their number is known, and there is only one page. */
export function rowsSource(rows: Rows<Any>, runtime: Runtime, facts: EnvelopeFacts): RowSource {
  const { items, columns, total, limit } = rows;
  const warnings = rows.warnings.map((one) => spelled(one, runtime.here));
  const returned = limit === 0 ? total : Math.min(limit, total);
  const page: Page = { returned, total, truncated: returned < total, nextCursor: null };
  const more = pageFooter(page);
  return {
    ...{ columns: columns.filter((column) => column.wide !== true), csvColumns: columns },
    ...{ screen: { wide: false, fixed: false }, batches: batched(items, returned), page },
    ...{ facts: { ...facts, warnings: [...facts.warnings, ...warnings] }, uniform: false, pretty: false },
    end: () => ({ page, exitCode: ExitCode.ok, warnings, footer: more === undefined ? [] : [more] }),
  };
}

async function* batched(items: AsyncIterable<Any>, wanted: number): AsyncGenerator<readonly Any[]> {
  let batch: Any[] = [];
  let taken = 0;
  for await (const item of items) {
    if (taken >= wanted) break;
    batch.push(item);
    taken += 1;
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Runs a stream command. Totals are known only at the end. @throws E_USAGE for a cursor of another list */
export function streamSource(command: StreamCommand<Any, Any>, runtime: Runtime, facts: EnvelopeFacts): RowSource {
  const { limit, cursor, columns: names, wide, failOnEmpty } = runtime.invocation.list;
  const columns = chooseColumns(command.columns, names, wide);
  const list = command.name;
  const from = cursor === undefined ? null : readCursor(cursor, list, undefined);
  const seen = { count: 0, more: false, last: undefined as Any };
  return {
    ...{ columns, csvColumns: columns, screen: { wide, fixed: names !== undefined && !names.startsWith('+') } },
    ...{ facts, page: null, uniform: true, pretty: false },
    batches: cutAt(limit, openStream(command, runtime, from?.after ?? null), seen),
    end() {
      const { count, more, last } = seen;
      const shown = (from?.shown ?? 0) + count;
      const nextCursor = more ? writeCursor({ list, sort: '', after: command.key(last), shown }) : null;
      const total = from === null && !more ? count : null;
      const page: Page = { returned: count, total, truncated: more, nextCursor };
      const line = count === 0 ? 'no rows' : pageFooter(page);
      const exitCode = failOnEmpty && count === 0 ? ExitCode.notFound : ExitCode.ok;
      return { page, exitCode, warnings: [], footer: line === undefined ? [] : [line] };
    },
  };
}

/** Requests one row more than the limit, to know whether there are more. */
function openStream(
  command: StreamCommand<Any, Any>,
  { invocation, context }: Runtime,
  after: string | null,
): AsyncIterable<readonly Any[]> {
  const { limit } = invocation.list;
  return command.run(invocation.input, context, { after, limit: limit === 0 ? 0 : limit + 1 });
}

async function* cutAt(
  limit: number,
  batches: AsyncIterable<readonly Any[]>,
  seen: { count: number; more: boolean; last: Any },
): AsyncGenerator<readonly Any[]> {
  for await (const batch of batches) {
    const wanted = limit === 0 ? batch : batch.slice(0, limit - seen.count);
    seen.more = wanted.length < batch.length;
    seen.count += wanted.length;
    seen.last = wanted.at(-1) ?? seen.last;
    if (wanted.length > 0) yield wanted;
  }
}
