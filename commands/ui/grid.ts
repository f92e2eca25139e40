import { bare, wrapPainted } from './paint.js';
import { glued, isCommand, unglued } from './prose.js';
import { displayWidth } from './visible.js';

/** The cells of a table. They may be painted. Control characters in them are already escaped, so a line break is one of ours. */
export interface Grid {
  /** null = no header line. */
  readonly header: readonly string[] | null;
  readonly rows: readonly (readonly string[])[];
  readonly align: readonly ('left' | 'right')[];
}

/** Blank columns between two cells. */
export const GAP = 2;
/** A column of text is not wrapped below this width. */
const NARROWEST_TEXT = 16;

/** Returns how many columns a painted line takes on a terminal. */
export function paintedWidth(line: string): number {
  return displayWidth(bare(line));
}

/** Returns the width of each column. */
export function columnWidths({ header, rows, align }: Grid): number[] {
  const all = header === null ? rows : [header, ...rows];
  return align.map((_, at) => all.reduce((widest, row) => Math.max(widest, cellWidth(row[at] ?? '')), 0));
}

/**
 * Narrows the widest columns first until the table fits.
 *
 * @param least the width below which a column is not narrowed
 * @returns the new widths; if they cannot fit, they are still wider than `room`
 */
export function narrowed(widths: readonly number[], least: readonly number[], room: number): number[] {
  const result = [...widths];
  for (let excess = totalWidth(result) - room; excess > 0; excess = totalWidth(result) - room) {
    const candidates = result.map((width, at) => (width > least[at]! ? width : 0));
    const widest = Math.max(0, ...candidates);
    if (widest === 0) break;
    const at = candidates.indexOf(widest);
    const second = Math.max(least[at]!, ...candidates.filter((width) => width < widest));
    result[at] = Math.max(second, widest - excess);
  }
  return result;
}

/** Returns the width of a table with these columns. */
export function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, widths.length - 1);
}

/**
 * Wraps text in cells between words until the table is at most `width` wide. Words, right-aligned cells and command lines are not broken, so
 * the table may still be wider.
 */
export function wrapGrid(grid: Grid, width: number): Grid {
  const measured = (cellOf: (cell: string) => string): number[] => {
    const cells = (row: readonly string[]): string[] => row.map((cell) => (isCommand(cell) ? '' : cellOf(cell)));
    return columnWidths({ ...grid, header: grid.header && cells(grid.header), rows: grid.rows.map(cells) });
  };
  const widths = measured((cell) => cell);
  if (totalWidth(widths) <= width) return grid;
  const words = measured(longestWord);
  const amounts = columnWidths({ ...grid, header: null });
  const least = widths.map((own, at) =>
    grid.align[at] === 'right'
      ? Math.max(words[at]!, amounts[at]!)
      : Math.min(own, Math.max(words[at]!, NARROWEST_TEXT)),
  );
  const room = narrowed(widths, least, width);
  const wrapped = (row: readonly string[]): string[] =>
    row.map((cell, at) => (isCommand(cell) ? cell : wrapCell(cell, room[at]!)));
  return { ...grid, header: grid.header && wrapped(grid.header), rows: grid.rows.map(wrapped) };
}

function wrapCell(cell: string, width: number): string {
  return unglued(wrapPainted(glued(cell), width).join('\n'));
}

/** Aligns cells of one line each, without trailing spaces. For lists that are too long for cli-table3. */
export function paddedLines({ header, rows, align }: Grid): string[] {
  const all = header === null ? rows : [header, ...rows];
  const measured = all.map((row) => row.map(paintedWidth));
  const widths = align.map((_, at) => measured.reduce((widest, row) => Math.max(widest, row[at]!), 0));
  const padded = (cell: string, row: number, at: number): string => {
    const blank = ' '.repeat(widths[at]! - measured[row]![at]!);
    return align[at] === 'right' ? blank + cell : cell + blank;
  };
  return all.map((cells, row) =>
    cells
      .map((cell, at) => padded(cell, row, at))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

const cellWidth = (cell: string): number => Math.max(...cell.split('\n').map(paintedWidth));
const longestWord = (cell: string): string =>
  glued(bare(cell))
    .split(' ')
    .reduce((longest, word) => (displayWidth(word) > displayWidth(longest) ? word : longest), '');
