import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../kernel/clock.js';
import { Secret } from '../../kernel/secret.js';

/** The result for typed digits. `spent`: they were accepted before. */
export type CodeAnswer = 'right' | 'wrong' | 'expired' | 'spent';

/** Six digits sent by mail. They are kept in memory only and never printed. */
export interface EmailCode {
  readonly secret: Secret;
  answer(typed: string): CodeAnswer;
}

export const VALID_MINUTES = 10;

/** Normalizes typed digits; null = not six digits. */
export function readDigits(typed: string): string | null {
  const digits = typed.replace(/[\s-]/g, '');
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/**
 * Creates a code that is valid for ten minutes and one use. It does not count failures; the desk does, for all kinds of checks together.
 *
 * @param clock only its monotonic time is used, so that setting the clock cannot make a code valid again
 * @param random an integer in [0, limit); cryptographic unless a test replaces it
 */
export function newEmailCode(clock: Clock, random: (limit: number) => number = randomInt): EmailCode {
  const secret = new Secret(String(random(1_000_000)).padStart(6, '0'));
  const endsAt = clock.monotonicMs() + VALID_MINUTES * 60_000;
  let isUsed = false;
  return {
    secret,
    answer(typed) {
      if (isUsed) return 'spent';
      if (clock.monotonicMs() > endsAt) return 'expired';
      const digits = readDigits(typed) ?? '';
      const isRight = digits.length === 6 && timingSafeEqual(Buffer.from(digits), Buffer.from(secret.reveal()));
      isUsed = isRight;
      return isRight ? 'right' : 'wrong';
    },
  };
}
