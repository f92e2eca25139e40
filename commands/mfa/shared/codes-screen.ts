import { CLOSING, type Drawn, type ScreenSize } from '../../ui/show-once.js';
import { wrapWords } from '../../ui/visible.js';

const SHORT_WORDS = ['Backup codes; each one works once:'];
const GAP = 3;
/** With fewer rows than this there is only room for the short text. */
const LOW = 16;

/**
 * Draws backup codes: one per row, or in columns if the window has few rows.
 *
 * @param use what the codes are for; printed after a colon
 */
export function codesScreen(
  lines: readonly string[],
  use: string,
  size: ScreenSize = { columns: 80, rows: 24 },
): Drawn {
  const numbered = lines.map((code, at) => `${String(at + 1).padStart(2)}  ${code}`);
  const width = Math.max(...numbered.map((text) => text.length)) + GAP;
  const text = `Backup codes: ${use}\nWrite them down or print them now: they will not be shown again.`;
  const words = size.rows >= LOW ? wrapWords(text, size.columns) : SHORT_WORDS;
  const room = Math.max(1, size.rows - words.length - 2 - CLOSING.rows);
  const height = Math.min(numbered.length, room);
  const rows = Array.from({ length: height }, (_, row) =>
    numbered
      .filter((_text, at) => at % height === row)
      .map((text) => text.padEnd(width))
      .join('')
      .trimEnd(),
  );
  const all = [...words, '', ...rows.map((row) => ` ${row}`), ''];
  return { lines: all, closing: { row: all.length, column: 0 } };
}

/** Returns whether all codes fit into the window uncut. */
export function codesFit(lines: readonly string[], use: string, size: ScreenSize): boolean {
  const { lines: drawn, closing } = codesScreen(lines, use, size);
  return closing.row + CLOSING.rows <= size.rows && drawn.every((line) => line.length <= size.columns);
}
