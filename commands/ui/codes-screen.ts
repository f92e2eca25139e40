import { CLOSING, type Drawn, type ScreenSize } from './show-once.js';

const WORDS = [
  'Backup codes: each one works once, in the place of a code from the app.',
  'Write them down or print them now: they are not shown again.',
];
const SHORT_WORDS = ['Backup codes, each works once:'];
const GAP = 3;

/** Backup codes for the screen: one below the other, or in columns where the window is low. */
export function codesScreen(lines: readonly string[], size: ScreenSize = { columns: 80, rows: 24 }): Drawn {
  const numbered = lines.map((code, at) => `${String(at + 1).padStart(2)}  ${code}`);
  const width = Math.max(...numbered.map((text) => text.length)) + GAP;
  const words = size.columns >= WORDS[0]!.length && size.rows >= 12 ? WORDS : SHORT_WORDS;
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
export function codesFit(lines: readonly string[], size: ScreenSize): boolean {
  const { lines: drawn, closing } = codesScreen(lines, size);
  return closing.row + CLOSING.rows <= size.rows && drawn.every((line) => line.length <= size.columns);
}
