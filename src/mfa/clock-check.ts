import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';

const WARN_MS = 2_000;
const REFUSE_MS = 5_000;

/** Returns how far this machine's clock is ahead of the database's, in ms; negative = behind. */
export async function clockDifference(session: Session, clock: Clock): Promise<number> {
  const before = clock.now().getTime();
  const [row] = await session.query<{ now: string }>('select extract(epoch from clock_timestamp())::text as now');
  const after = clock.now().getTime();
  return Math.round((before + after) / 2 - Number(row!.now) * 1_000);
}

/**
 * Compares this machine's clock with the database's, which decides about codes. If they differ, one is wrong, and potctl cannot know which.
 *
 * @param trust the operator knows that the database's clock is correct
 * @returns a warning above two seconds
 * @throws E_CLOCK above five seconds
 */
export async function checkClock(session: Session, clock: Clock, trust: boolean): Promise<string | null> {
  const difference = await clockDifference(session, clock);
  const distance = Math.abs(difference);
  if (distance <= WARN_MS) return null;
  const text = `this machine is ${(distance / 1_000).toFixed(1)} s ${difference > 0 ? 'ahead of' : 'behind'} the database`;
  if (distance > REFUSE_MS && !trust)
    throw new PotctlError('E_CLOCK', 'the clocks of this machine and the database differ', { why: text });
  return text;
}
