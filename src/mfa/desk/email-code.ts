import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../kernel/clock.js';
import { Secret } from '../../kernel/secret.js';

/** What became of typed digits. `spent`: they were right already. */
export type CodeAnswer = 'right' | 'wrong' | 'expired' | 'spent';

/** Six digits on their way to a mailbox. They are in memory only, and never printed. */
export interface EmailCode {
  readonly secret: Secret;
  answer(typed: string): CodeAnswer;
}

export const VALID_MINUTES = 10;

/** What the letter says, as it can be compared; null = it is not six digits. */
export function readDigits(typed: string): string | null {
  const digits = typed.replace(/[\s-]/g, '');
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/**
 * A new code: ten minutes, one use. It counts no tries: the desk does, for all kinds of checks together.
 *
 * @param clock its monotonic side: a clock that is set must not make it valid again
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
