const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Encodes bytes as base32, upper case, without padding: 20 bytes give 32 characters. @see RFC 4648 §6 */
export function encodeBase32(bytes: Uint8Array): string {
  let [buffer, bits, text] = [0, 0, ''];
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(buffer >> (bits - 5)) & 31];
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(buffer << (5 - bits)) & 31] : text;
}

/**
 * Decodes base32 as the application does, in upper or lower case, with or without padding at the end.
 *
 * @param strangers other characters: `skip` ignores them (EVO), `refuse` returns null (3dPot, VIU)
 * @returns null if the application could not decode it
 */
export function decodeBase32(text: string, strangers: 'refuse' | 'skip'): Uint8Array | null {
  const body = text.replace(/=+$/, '');
  if (strangers === 'refuse' && !isWellFormed(body, text.length)) return null;
  const symbols = [...body].map((symbol) => ALPHABET.indexOf(symbol.toUpperCase())).filter((value) => value >= 0);
  const bytes: number[] = [];
  let [buffer, bits] = [0, 0];
  for (const value of symbols) {
    buffer = ((buffer << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((buffer >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** Validates as Python and @scure/base do; both applications pad with `=` to a whole group first. */
function isWellFormed(body: string, length: number): boolean {
  if (!/^[A-Za-z2-7]*$/.test(body)) return false;
  // 1, 3 or 6 symbols after whole groups cannot encode whole bytes, and padding is never a whole group.
  return ![1, 3, 6].includes(body.length % 8) && Math.ceil(length / 8) * 8 - body.length < 8;
}
