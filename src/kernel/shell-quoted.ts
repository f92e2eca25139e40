const SAFE = /^[A-Za-z0-9_@%+=:,./~-]+$/;
const CONTROL = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** One word quoted for a shell: bare if that is safe, in single quotes, or in bash's `$'…'` for control characters. */
export function shellQuoted(word: string): string {
  if (SAFE.test(word) && !word.startsWith('~')) return word;
  if (word.search(CONTROL) < 0) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = word
    .replace(/[\\']/g, '\\$&')
    .replace(CONTROL, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
  return `$'${escaped}'`;
}

/** The words of a proposed command, quoted for a shell; letters of any language stay bare, and so does `…`, which the reader fills in. */
export const shellLine = (words: readonly string[]): string =>
  words
    .map((word) => {
      if (word === '…') return '"…"';
      return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(word) ? word : shellQuoted(word);
    })
    .join(' ');
