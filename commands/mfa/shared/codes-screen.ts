import { CLOSING, type Drawn, type ScreenSize } from '../../ui/show-once.js';
import { wrapWords } from '../../ui/visible.js';

const SHORT_WORDS = ['Backup codes, each works once:'];
const GAP = 3;
/** In fewer rows the codes need all of them. */
const LOW = 16;

/**
 * Backup codes for the screen: one below the other, or in columns where the window is low.
 *
 * @param use what they are good for, to follow a colon
 */
export function codesScreen(
  lines: readonly string[],
  use: string,
  size: ScreenSize = { columns: 80, rows: 24 },
): Drawn {
  const numbered = lines.map((code, at) => `${String(at + 1).padStart(2)}  ${code}`);
  const width = Math.max(...numbered.map((text) => text.length)) + GAP;
  const text = `Backup codes: ${use}\nWrite them down or print them now: they are not shown again.`;
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

/** Do all codes stand there whole? */
export function codesFit(lines: readonly string[], use: string, size: ScreenSize): boolean {
  const { lines: drawn, closing } = codesScreen(lines, use, size);
  return closing.row + CLOSING.rows <= size.rows && drawn.every((line) => line.length <= size.columns);
}
