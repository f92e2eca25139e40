import { HIDDEN_CHARACTER } from '../../src/kernel/hidden-character.js';

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const HIDDEN = new RegExp(HIDDEN_CHARACTER, 'gu');
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Shows what would be invisible or would act on a terminal: control characters, direction overrides, zero-width characters and halves
 * of surrogate pairs become `\x1b`, `\u202e`, `\n`. Rows come from strangers; a user agent must not clear the screen.
 */
export function visible(text: string): string {
  return PLAIN.test(text) ? text : text.replace(HIDDEN, escaped);
}

/** Columns that a text without control characters takes on a terminal. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** Cuts to `width` columns, the last one being `…`. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const wide = displayWidth(character);
    if (used + wide > width - 1) break;
    kept += character;
    used += wide;
  }
  return `${kept}…`;
}

/** Lines of at most `width` columns, broken between words; spaces at the beginning and pairs of spaces within stay. */
export function wrapWords(text: string, width: number): string[] {
  if (text.includes('\n')) return text.split('\n').flatMap((line) => wrapWords(line, width));
  if (displayWidth(text) <= width) return [text];
  const lines = [/^ */.exec(text)![0]];
  for (const word of text.trim().split(/(?<! ) /)) {
    const last = lines.at(-1)!;
    if (last.trim() === '') lines[lines.length - 1] = last + word;
    else if (displayWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return SHORT[character] ?? (code > 0xff ? `\\u${hex.padStart(4, '0')}` : `\\x${hex.padStart(2, '0')}`);
}
