import { type Grid, NARROWEST_CUT, narrowed, totalWidth, wrapGrid } from './grid.js';
import type { Formats } from './view.js';
import { cut, displayWidth, visible } from './visible.js';

/** One column of a list. Table, plain, csv and ndjson all take their columns from here. */
export interface Column<R> {
  /** Name for `--columns`, in lower case; the header is the same in upper case. */
  readonly name: string;
  /** Text for people. The drawing code escapes control characters. `now` is for ages. */
  text(row: R, now: Date, format: Formats): string;
  /** Text for plain and csv: full ids, RFC 3339 times, bytes as integers. Default: `text`. */
  machine?(row: R): string;
  /** 1 = always shown; on a narrow screen the highest numbers are dropped first. Default 1. */
  readonly priority?: number;
  /** Shown only with --wide or when named in --columns. */
  readonly wide?: true;
  /** May be truncated with `…`; other text wraps. Never for ids, times and amounts. */
  readonly flexible?: true;
  readonly align?: 'right';
  /** Key for --sort. Default: the text for programs. */
  sortKey?(row: R): string | number;
}

interface Draft<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  readonly width: number;
}

/**
 * Returns a table that is at most `width` wide. It truncates flexible columns, the widest first. Where that is not enough, it also drops the
 * columns with the highest priority numbers, then wraps text. Ids, times and amounts are never truncated, so the table may still be wider.
 *
 * @param screen `fixed`: the user named the columns, so none is dropped
 */
export function fitTable<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  screen: { readonly width: number; readonly fixed: boolean; readonly now: Date; readonly formats: Formats },
): Grid & { readonly header: readonly string[] } {
  const drafts = columns.map((column) => draftOf(column, rows, screen.now, screen.formats));
  const kept = screen.fixed ? drafts : dropped(drafts, screen.width);
  const least = kept.map(leastOf);
  const widths = narrowed(
    kept.map(({ width }) => width),
    least,
    screen.width,
  );
  const header = kept.map(({ column }, at) => cut(column.name.toUpperCase(), widths[at]!));
  const table = {
    rows: rows.map((_, row) => kept.map(({ cells }, at) => cut(cells[row]!, widths[at]!))),
    align: kept.map(({ column }) => column.align ?? 'left'),
  };
  if (totalWidth(widths) <= screen.width) return { header, ...table };
  const wrapped = wrapGrid({ header, ...table }, screen.width, 'cut');
  return { ...wrapped, header: wrapped.header ?? header };
}

/** Returns one line per row, fields separated by tabs, without a header: for cut, awk and `while read`. */
export function plainLines<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  now: Date,
  formats: Formats,
): string[] {
  return rows.map((row) => columns.map((column) => visible(machineText(column, row, now, formats))).join('\t'));
}

/**
 * Returns RFC 4180 lines with a header. Prefixes a cell that a spreadsheet would run as a formula with `'`. Line breaks in a cell become
 * spaces; other control characters are escaped.
 */
export function csvLines<R>(columns: readonly Column<R>[], rows: readonly R[], now: Date, formats: Formats): string[] {
  const lines = rows.map((row) => columns.map((column) => csvCell(machineText(column, row, now, formats))).join(','));
  return [columns.map(({ name }) => csvCell(name)).join(','), ...lines];
}

function draftOf<R>(column: Column<R>, rows: readonly R[], now: Date, formats: Formats): Draft<R> {
  const cells = rows.map((row) => visible(column.text(row, now, formats)));
  const width = cells.reduce((widest, cell) => Math.max(widest, displayWidth(cell)), displayWidth(column.name));
  return { column, cells, width };
}

const leastOf = <R>({ column, width }: Draft<R>): number => (column.flexible ? Math.min(width, NARROWEST_CUT) : width);

function dropped<R>(drafts: readonly Draft<R>[], width: number): readonly Draft<R>[] {
  if (totalWidth(drafts.map(leastOf)) <= width) return drafts;
  const last = Math.max(...drafts.map(({ column }) => column.priority ?? 1));
  if (last <= 1) return drafts;
  const victim = drafts.findLast(({ column }) => (column.priority ?? 1) === last);
  return dropped(
    drafts.filter((draft) => draft !== victim),
    width,
  );
}

function machineText<R>(column: Column<R>, row: R, now: Date, formats: Formats): string {
  return column.machine ? column.machine(row) : column.text(row, now, formats);
}

function csvCell(text: string): string {
  const clean = visible(text.replace(/\r\n|[\r\n]/g, ' '));
  const guarded = /^[=+\-@]/.test(clean) && !/^-?\d+(\.\d+)?$/.test(clean) ? `'${clean}` : clean;
  return /[",]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
