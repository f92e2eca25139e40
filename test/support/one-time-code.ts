import { createHmac } from 'node:crypto';

/** The six digits of a moment, made without the library that potctl uses. @see RFC 6238 */
export function codeAt(secret: Uint8Array, ms: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)));
  const hash = createHmac('sha1', secret).update(counter).digest();
  const offset = hash[19]! & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
