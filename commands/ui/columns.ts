import { type Grid, narrowed, totalWidth } from './grid.js';
import type { Formats } from './view.js';
import { cut, displayWidth, visible } from './visible.js';

/** One column of a list, the single source of table, plain, csv and ndjson order. */
export interface Column<R> {
  /** `--columns` name, lower case; the header is its upper case. */
  readonly name: string;
  /** What a person sees; control characters are made visible by the drawing code. `now` is for ages. */
  text(row: R, now: Date, format: Formats): string;
  /** What plain and csv carry instead: full ids, RFC 3339, integer bytes. Default: `text`. */
  machine?(row: R): string;
  /** 1 = always there; higher numbers are dropped first when the screen is narrow. Default 1. */
  readonly priority?: number;
  /** Only with --wide or when named. */
  readonly wide?: true;
  /** May be cut with `…` (never ids, times, amounts). */
  readonly flexible?: true;
  readonly align?: 'right';
  /** Sort key for --sort. */
  sortKey?(row: R): string | number;
}

interface Draft<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  readonly width: number;
}

/** Cut to no less than this. */
const NARROWEST = 8;

/**
 * The cells of a table that is at most `width` wide: columns of low priority are dropped, then flexible ones cut, the widest first.
 * Ids, times and amounts are never cut: what then still does not fit is wider than the screen.
 *
 * @param fixed columns that somebody asked for: none of them is dropped
 */
export function fitTable<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  screen: { readonly width: number; readonly fixed: boolean; readonly now: Date; readonly formats: Formats },
): Grid & { readonly header: readonly string[] } {
  const drafts = columns.map((column) => draftOf(column, rows, screen.now, screen.formats));
  const kept = screen.fixed ? drafts : dropped(drafts, screen.width);
  const least = kept.map(({ column, width }) => (column.flexible ? Math.min(width, NARROWEST) : width));
  const widths = narrowed(
    kept.map(({ width }) => width),
    least,
    screen.width,
  );
  return {
    header: kept.map(({ column }, at) => cut(column.name.toUpperCase(), widths[at]!)),
    rows: rows.map((_, row) => kept.map(({ cells }, at) => cut(cells[row]!, widths[at]!))),
    align: kept.map(({ column }) => column.align ?? 'left'),
  };
}

/** One line per row, fields separated by a tab, without a header: for cut, awk and while-read. */
export function plainLines<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  now: Date,
  formats: Formats,
): string[] {
  return rows.map((row) => columns.map((column) => visible(machineText(column, row, now, formats))).join('\t'));
}

/**
 * RFC 4180 with a header line. A cell that a spreadsheet would take for a formula gets a `'` in front; line breaks inside a cell
 * become spaces, other control characters are made visible.
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

function dropped<R>(drafts: readonly Draft<R>[], width: number): readonly Draft<R>[] {
  if (totalWidth(drafts.map((draft) => draft.width)) <= width) return drafts;
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
