import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../clock.js';
import { Secret } from '../../secret.js';

/** What became of typed digits. `spent`: it was right already, or wrong too often. */
export type CodeAnswer = 'right' | 'wrong' | 'expired' | 'spent';

/** Six digits on their way to a mailbox. They are in memory only, and never printed. */
export interface EmailCode {
  readonly secret: Secret;
  answer(typed: string): CodeAnswer;
}

export const VALID_MINUTES = 10;
const TRIES = 3;

/** What the letter says, as it can be compared; null = it is not six digits. */
export function readDigits(typed: string): string | null {
  const digits = typed.replace(/[\s-]/g, '');
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/**
 * A new code: ten minutes, three tries, one use.
 *
 * @param clock its monotonic side: a clock that is set must not make it valid again
 * @param random an integer in [0, limit); cryptographic unless a test replaces it
 */
export function newEmailCode(clock: Clock, random: (limit: number) => number = randomInt): EmailCode {
  const secret = new Secret(String(random(1_000_000)).padStart(6, '0'));
  const endsAt = clock.monotonicMs() + VALID_MINUTES * 60_000;
  let left = TRIES;
  return {
    secret,
    answer(typed) {
      if (left === 0) return 'spent';
      if (clock.monotonicMs() > endsAt) return 'expired';
      left -= 1;
      const digits = readDigits(typed) ?? '';
      const isRight = digits.length === 6 && timingSafeEqual(Buffer.from(digits), Buffer.from(secret.reveal()));
      if (isRight) left = 0;
      return isRight ? 'right' : 'wrong';
    },
  };
}
