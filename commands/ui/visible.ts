import fastStringWidth from 'fast-string-width';
import { HIDDEN_CHARACTER } from '../../src/kernel/hidden-character.js';

const HIDDEN = new RegExp(HIDDEN_CHARACTER, 'gu');
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Escapes what is invisible or acts on a terminal: control characters, direction overrides, zero-width characters and halves of surrogate
 * pairs become `\x1b`, `\u202e`, `\n`. Rows hold data from strangers: a user agent must not clear the screen.
 */
export function visible(text: string): string {
  return PLAIN.test(text) ? text : text.replace(HIDDEN, escaped);
}

/** Returns how many columns a text without control characters takes on a terminal. */
export function displayWidth(text: string): number {
  return PLAIN.test(text) ? text.length : fastStringWidth(text);
}

/** Splits by what a reader sees as one character: an accent stays with its letter, a flag is not cut in two. */
let characters: Intl.Segmenter | undefined;

/** Truncates to `width` columns, the last of them `…`. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  characters ??= new Intl.Segmenter();
  let kept = '';
  let used = 0;
  for (const { segment } of characters.segment(text)) {
    const wide = displayWidth(segment);
    if (used + wide > width - 1) break;
    kept += segment;
    used += wide;
  }
  return `${kept}…`;
}

/**
 * Breaks text between words into lines of at most `width` columns. Spaces at its beginning, and pairs of spaces within a line, are kept.
 *
 * @param indent put in front of each line but the first
 */
export function wrapWords(text: string, width: number, widthOf = displayWidth, indent = ''): string[] {
  if (text.includes('\n')) return text.split('\n').flatMap((line) => wrapWords(line, width, widthOf, indent));
  if (widthOf(text) <= width) return [text];
  const lines = [/^ */.exec(text)![0]];
  for (const word of text.trim().split(/(?<! ) /)) {
    const last = lines.at(-1)!;
    if (last.trim() === '') lines[lines.length - 1] = last + word;
    else if (widthOf(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word.trimStart());
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
