import { createHash } from 'node:crypto';

/**
 * Tells one secret from the next where a factor keeps its id: what potctl remembers of the old one must not be held against a new one that the
 * application itself made. 16 bits of a hash of at least 80, usually 160 random bits: that helps nobody to guess them.
 */
export function markOf(secret: Uint8Array): string {
  return createHash('sha256').update('potctl.mark:').update(secret).digest('hex').slice(0, 4);
}
