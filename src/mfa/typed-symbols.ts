/** Longer than any code with a blank behind each symbol: nobody typed that. */
const LONGEST = 200;

/**
 * Letters and digits of what was typed, however a phone, a letter or a chat writes it: without the blanks, dashes and invisible characters
 * between them, and with the decimal digits of any script as ASCII. Everything else stays, and so is no part of any code.
 */
export function symbolsOf(typed: string): string {
  const text = typed.trim();
  if (text.length > LONGEST) return '';
  return [...text.normalize('NFKC')]
    .map((symbol) => (/\p{Nd}/u.test(symbol) ? digitOf(symbol) : symbol))
    .join('')
    .replace(/[\p{Zs}\t\p{Pd}\u2212\p{Cf}]/gu, '');
}

/** Unicode keeps the ten digits of a script in one row, zero first; where rows touch, the first of them begins the count. */
function digitOf(symbol: string): string {
  const point = symbol.codePointAt(0)!;
  let start = point;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return String((point - start) % 10);
}
