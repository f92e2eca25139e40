/** Longer than any code with a blank after each symbol; longer input is not a code. */
const LONGEST = 200;

/**
 * Normalizes typed input: removes blanks, dashes and invisible characters and converts decimal digits of any script to ASCII. Everything else
 * is left in, so that it matches no code.
 */
export function symbolsOf(typed: string): string {
  const text = typed.trim();
  if (text.length > LONGEST) return '';
  return [...text.normalize('NFKC')]
    .map((symbol) => (/\p{Nd}/u.test(symbol) ? digitOf(symbol) : symbol))
    .join('')
    .replace(/[\p{Zs}\t\p{Pd}\u2212\p{Cf}]/gu, '');
}

/** In Unicode the ten digits of a script are consecutive, zero first; adjacent groups are counted from the first. */
function digitOf(symbol: string): string {
  const point = symbol.codePointAt(0)!;
  let start = point;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return String((point - start) % 10);
}
