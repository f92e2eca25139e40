import { bare, cutPainted, wrapPainted } from './paint.js';
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
/** No column is truncated below this width. */
export const NARROWEST_CUT = 12;

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
 * Wraps text in cells between words until the table is at most `width` wide. Right-aligned cells and command lines are not broken, so the
 * table may still be wider.
 *
 * @param longWords what happens to words that are too long for their column: `whole`, or `cut` with `…`, except ids and times. A path is
 *   broken after a `/` instead
 */
export function wrapGrid(grid: Grid, width: number, longWords: 'whole' | 'cut' = 'whole'): Grid {
  const measured = (cellOf: (cell: string) => string): number[] => {
    const cells = (row: readonly string[]): string[] => row.map((cell) => (isCommand(cell) ? '' : cellOf(cell)));
    return columnWidths({ ...grid, header: grid.header && cells(grid.header), rows: grid.rows.map(cells) });
  };
  const widths = measured((cell) => cell);
  if (totalWidth(widths) <= width) return grid;
  const amounts = columnWidths({ ...grid, header: null });
  const leastWith = (words: readonly number[], text: number): number[] =>
    widths.map((own, at) =>
      grid.align[at] === 'right' ? Math.max(words[at]!, amounts[at]!) : Math.min(own, Math.max(words[at]!, text)),
    );
  let room = narrowed(widths, leastWith(measured(longestWord(() => true)), NARROWEST_TEXT), width);
  if (longWords === 'cut' && totalWidth(room) > width) {
    room = narrowed(widths, leastWith(measured(longestWord(isFixed)), NARROWEST_CUT), width);
  }
  const wrapped = (row: readonly string[]): string[] =>
    row.map((cell, at) => (isCommand(cell) ? cell : wrapCell(cell, room[at]!, longWords)));
  return { ...grid, header: grid.header && wrapped(grid.header), rows: grid.rows.map(wrapped) };
}

function wrapCell(cell: string, width: number, longWords: 'whole' | 'cut'): string {
  const lines = wrapPainted(glued(cell), width);
  if (longWords === 'whole') return unglued(lines.join('\n'));
  return unglued(lines.flatMap((line) => (isFixed(bare(line)) ? [line] : fitted(line, width))).join('\n'));
}

/** Breaks a path after a `/`; truncates what is still too long. */
function fitted(line: string, width: number): string[] {
  if (paintedWidth(line) <= width) return [line];
  const lines: string[] = [];
  for (const piece of bare(line) === line ? line.split(/(?<=\/)(?!\/)/) : [line]) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last + piece) <= width) lines[lines.length - 1] = last + piece;
    else lines.push(piece);
  }
  return lines.map((one) => cutPainted(one, width));
}

/** Aligns cells, without trailing spaces. For lists that are too long for cli-table3. */
export function paddedLines({ header, rows, align }: Grid): string[] {
  const all = (header === null ? rows : [header, ...rows]).flatMap(linesOf);
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

function linesOf(row: readonly string[]): readonly (readonly string[])[] {
  if (!row.some((cell) => cell.includes('\n'))) return [row];
  const cells = row.map((cell) => cell.split('\n'));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
}

const cellWidth = (cell: string): number => Math.max(...cell.split('\n').map(paintedWidth));
/** A backup id, a UUID or a time: needed whole. */
const FIXED = /^(?:\d{8}T\d{6}Z-\w+|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\d{4}-\d\d-\d\d.*)[.,;:)]?$/;
const isFixed = (word: string): boolean => FIXED.test(word);
const longestWord =
  (counts: (word: string) => boolean) =>
  (cell: string): string =>
    glued(bare(cell))
      .split(' ')
      .filter(counts)
      .reduce((longest, word) => (displayWidth(word) > displayWidth(longest) ? word : longest), '');
