import { createHash } from 'node:crypto';

/**
 * Returns a short mark that distinguishes secrets of the same factor id, so that what potctl stores about an old secret does not apply to a
 * new one that the application made. 16 bits of a hash of 80 to 160 random bits do not help to guess them.
 */
export function markOf(secret: Uint8Array): string {
  return createHash('sha256').update('potctl.mark:').update(secret).digest('hex').slice(0, 4);
}
