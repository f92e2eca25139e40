import { PotctlError } from '../../../src/kernel/errors.js';
import type { Column } from '../../ui/columns.js';
import type { Formats } from '../../ui/view.js';
import { suggestion } from '../parse/suggest.js';
import { type Cursor, readCursor, writeCursor } from './cursor.js';

/** Which part of a list is shown. */
export interface Page {
  readonly returned: number;
  /** null = not counted. */
  readonly total: number | null;
  readonly truncated: boolean;
  readonly nextCursor: string | null;
}

export interface PageRequest {
  /** The name of its command. */
  readonly list: string;
  /** 0 = all. */
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly sort: string | undefined;
}

/**
 * Sorts a list and returns one page of it.
 *
 * @throws PotctlError E_USAGE for an unknown column or a cursor of another list
 */
export function takePage<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  request: PageRequest,
  formats: Formats,
): { readonly items: readonly R[]; readonly page: Page } {
  const { list, limit, cursor, sort = '' } = request;
  const keyOf = (row: R): string => keyText(columns[0]!, row, formats);
  const ordered = sort === '' ? rows : sorted(rows, columns, sort, formats);
  const start = cursor === undefined ? 0 : startOf(readCursor(cursor, list, sort), ordered, keyOf);
  const items = limit === 0 ? ordered.slice(start) : ordered.slice(start, start + limit);
  const end = start + items.length;
  const truncated = end < ordered.length;
  const last = items.at(-1);
  // The first column identifies the row.
  const nextCursor =
    truncated && last !== undefined ? writeCursor({ list, sort, after: keyOf(last), shown: end }) : null;
  return { items, page: { returned: items.length, total: ordered.length, truncated, nextCursor } };
}

/**
 * Returns the columns to show: without names those that are not wide, with `wide` all; `id,age` exactly these; `+where,note` adds
 * these. What was named is never dropped on a narrow screen, nor is the first column, which identifies the row.
 *
 * @throws PotctlError E_USAGE for an unknown name
 */
export function chooseColumns<R>(
  columns: readonly Column<R>[],
  names: string | undefined,
  wide: boolean,
): readonly Column<R>[] {
  const usual = wide ? columns : columns.filter((column) => column.wide !== true);
  const asked = (names ?? '').split(',').filter((name) => name !== '');
  if (asked.length === 0) return usual;
  const named = asked.map((name) => columnNamed(columns, name.replace(/^\+/, ''), '--columns'));
  const isMore = asked[0]!.startsWith('+');
  const chosen = [...new Set([...(isMore ? usual : []), ...named])];
  return chosen.map((column, at) => (at === 0 || named.includes(column) ? { ...column, priority: 1 } : column));
}

/** Returns `Showing 50 of 812 rows …`, or undefined if all rows are shown. */
export function pageFooter({ returned, total, truncated, nextCursor }: Page): string | undefined {
  if (!truncated) return undefined;
  const next = nextCursor === null ? '' : `, --cursor ${nextCursor} for the next page`;
  const shown = total === null ? `Showing ${returned} rows, there are more` : `Showing ${returned} of ${total} rows`;
  return `${shown}: --limit 0 for all${next}`;
}

function sorted<R>(rows: readonly R[], columns: readonly Column<R>[], sort: string, formats: Formats): R[] {
  const orders = sort.split(',').map((name) => {
    const column = columnNamed(columns, name.replace(/^-/, ''), '--sort');
    const key = (row: R): string | number => column.sortKey?.(row) ?? keyText(column, row, formats);
    return { key, sign: name.startsWith('-') ? -1 : 1 };
  });
  return [...rows].sort((a, b) => {
    for (const { key, sign } of orders) {
      const [left, right] = [key(a), key(b)];
      if (left !== right) return left < right ? -sign : sign;
    }
    return 0;
  });
}

function columnNamed<R>(columns: readonly Column<R>[], name: string, flag: string): Column<R> {
  const found = columns.find((column) => column.name === name.toLowerCase());
  if (found) return found;
  const names = columns.map((column) => column.name);
  throw new PotctlError('E_USAGE', `'${flag}': this list has no column '${name}'`, {
    why: `the columns are ${names.join(', ')}`,
    ...suggestion(name, names),
  });
}

function keyText<R>(column: Column<R>, row: R, formats: Formats): string {
  return column.machine ? column.machine(row) : column.text(row, new Date(0), formats);
}

function startOf<R>(cursor: Cursor, rows: readonly R[], keyOf: (row: R) => string): number {
  const last = rows.findIndex((row) => keyOf(row) === cursor.after);
  return last < 0 ? Math.min(cursor.shown, rows.length) : last + 1;
}
