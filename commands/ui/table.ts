import { columnWidths, GAP, type Grid, paddedLines, paintedWidth } from './grid.js';

/** Longer lists are padded line by line: cli-table3 takes about 0.2 ms per row, padding 0.03 ms at most. */
const LONG_ROWS = 2_000;
/** Rows that cli-table3 lays out at a time. Its time grows with their square. */
const LAID_OUT_ROWS = 100;

const CHARS = ['top', 'bottom', 'left', 'right', 'mid'];
const NO_FRAME = Object.fromEntries(
  CHARS.flatMap((side) => [side, ...['left', 'mid', 'right'].map((end) => `${side}-${end}`)]).map((name) => [name, '']),
);

let drawPackaged: ((grid: Grid) => string[]) | undefined;

/**
 * Draws a table without a frame. Loads cli-table3 with the first table.
 *
 * @param before how many rows of the same list were already drawn
 * @returns the lines without trailing spaces; a promise only while cli-table3 is being loaded
 */
export function tableLines(grid: Grid, before = 0): string[] | Promise<string[]> {
  if (before + grid.rows.length > LONG_ROWS) return paddedLines(grid);
  if (drawPackaged !== undefined) return drawPackaged(grid);
  return import('cli-table3').then(({ default: Table }) => {
    drawPackaged = (drawn) => packagedLines(drawn, Table);
    return drawPackaged(grid);
  });
}

function packagedLines(grid: Grid, Table: typeof import('cli-table3')): string[] {
  const widths = columnWidths(grid);
  const all = grid.header === null ? grid.rows : [grid.header, ...grid.rows];
  const lines: string[] = [];
  for (let from = 0; from < all.length; from += LAID_OUT_ROWS) {
    const rows = all.slice(from, from + LAID_OUT_ROWS).map((row) => row.map((cell) => cell.split('\n')));
    const table = new Table({
      ...{ colWidths: [...widths], colAligns: [...grid.align], chars: { ...NO_FRAME, middle: ' '.repeat(GAP) } },
      style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
    });
    table.push(...rows.map((row) => row.map((cell) => cell.map(dummy).join('\n'))));
    lines.push(...filledIn(table.toString(), rows));
  }
  return lines;
}

/**
 * Stands in for a line of a cell during layout. cli-table3 measures with string-width 4, which counts Cyrillic, Thai and Hebrew marks as
 * columns and does not know emoji newer than 2019, so such rows would not line up. It gets as many letters as the line is wide instead, and
 * the painted line replaces them afterwards.
 */
const dummy = (line: string): string => 'x'.repeat(paintedWidth(line));

function filledIn(drawn: string, rows: readonly (readonly (readonly string[])[])[]): string[] {
  const cells = rows.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length));
    const lines = Array.from({ length: height }, (_, line) => row.map((cell) => cell[line] ?? ''));
    return lines.flat().filter((line) => paintedWidth(line) > 0);
  });
  let next = 0;
  return drawn.split('\n').map((line) => line.trimEnd().replace(/x+/g, () => cells[next++]!));
}
