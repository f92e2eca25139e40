/**
 * Characters that are invisible or that control a terminal: control characters, direction overrides, zero-width characters, fillers, halves
 * of surrogate pairs. Variation selectors are allowed: emoji need them.
 */
export const HIDDEN_CHARACTER = /(?![\ufe00-\ufe0f])[\p{Cc}\p{Cs}\p{DI}\u2028\u2029\ufff9-\ufffb]/u;

const NAMES: Readonly<Record<number, string>> = {
  10: 'line feed',
  13: 'carriage return',
  9: 'tab',
  27: 'escape',
  173: 'soft hyphen',
  1564: 'Arabic letter mark',
  8203: 'zero-width space',
  8204: 'zero-width non-joiner',
  8205: 'zero-width joiner',
  8206: 'left-to-right mark',
  8207: 'right-to-left mark',
  8234: 'left-to-right embedding',
  8235: 'right-to-left embedding',
  8236: 'pop directional formatting',
  8237: 'left-to-right override',
  8238: 'right-to-left override',
  8288: 'word joiner',
  8294: 'left-to-right isolate',
  8295: 'right-to-left isolate',
  8296: 'first strong isolate',
  8297: 'pop directional isolate',
  12644: 'Hangul filler',
  65279: 'byte order mark',
};

/** The first hidden character of a text, with its name, e.g. `U+202E (right-to-left override)`; null if there is none. */
export function hiddenCharacterIn(text: string): string | null {
  const found = HIDDEN_CHARACTER.exec(text)?.[0].codePointAt(0);
  if (found === undefined) return null;
  const code = `U+${found.toString(16).toUpperCase().padStart(4, '0')}`;
  return NAMES[found] === undefined ? code : `${code} (${NAMES[found]})`;
}
