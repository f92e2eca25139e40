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

/** A table that fits: header and cells are free of control characters. */
export interface Grid {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly align: readonly ('left' | 'right')[];
}

interface Draft<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  readonly width: number;
}

const GAP = 2;
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
): Grid {
  const drafts = columns.map((column) => draftOf(column, rows, screen.now, screen.formats));
  const kept = screen.fixed ? drafts : dropped(drafts, screen.width);
  const widths = narrowed(kept, screen.width);
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

/** Pads the cells of a grid into lines without trailing blanks. */
export function gridLines(grid: Grid): string[] {
  const all = [grid.header, ...grid.rows];
  const widths = grid.header.map((_, at) => Math.max(...all.map((row) => displayWidth(row[at] ?? ''))));
  return all.map((row) =>
    row
      .map((cell, at) => padded(cell, widths[at]!, grid.align[at]!))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function draftOf<R>(column: Column<R>, rows: readonly R[], now: Date, formats: Formats): Draft<R> {
  const cells = rows.map((row) => visible(column.text(row, now, formats)));
  const width = cells.reduce((widest, cell) => Math.max(widest, displayWidth(cell)), displayWidth(column.name));
  return { column, cells, width };
}

function dropped<R>(drafts: readonly Draft<R>[], width: number): readonly Draft<R>[] {
  if (total(drafts.map((draft) => draft.width)) <= width) return drafts;
  const last = Math.max(...drafts.map(({ column }) => column.priority ?? 1));
  if (last <= 1) return drafts;
  const victim = drafts.findLast(({ column }) => (column.priority ?? 1) === last);
  return dropped(
    drafts.filter((draft) => draft !== victim),
    width,
  );
}

function narrowed<R>(drafts: readonly Draft<R>[], width: number): number[] {
  const widths = drafts.map((draft) => draft.width);
  for (let excess = total(widths) - width; excess > 0; excess = total(widths) - width) {
    const candidates = drafts.map(({ column }, at) => (column.flexible && widths[at]! > NARROWEST ? widths[at]! : 0));
    const widest = Math.max(0, ...candidates);
    if (widest === 0) break;
    const second = Math.max(NARROWEST, ...candidates.filter((value) => value < widest));
    widths[candidates.indexOf(widest)] = Math.max(second === widest ? widest - 1 : second, widest - excess);
  }
  return widths;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, widths.length - 1);
}

function padded(cell: string, width: number, align: 'left' | 'right'): string {
  const blank = ' '.repeat(Math.max(0, width - displayWidth(cell)));
  return align === 'right' ? blank + cell : cell + blank;
}

function machineText<R>(column: Column<R>, row: R, now: Date, formats: Formats): string {
  return column.machine ? column.machine(row) : column.text(row, now, formats);
}

function csvCell(text: string): string {
  const clean = visible(text.replace(/\r\n|[\r\n]/g, ' '));
  const guarded = /^[=+\-@]/.test(clean) && !/^-?\d+(\.\d+)?$/.test(clean) ? `'${clean}` : clean;
  return /[",]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
