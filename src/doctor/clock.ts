import type { Check } from '../kernel/check.js';
import type { Clock } from '../kernel/clock.js';
import { type ClockOffset, readClockOffset } from '../postgres/clock-offset.js';
import { type Connected, fail, ok, unknown, warn } from './check.js';

const WARN_MS = 2_000;
const FAIL_MS = 30_000;

/** Compares this machine's clock with the database's, assuming half of the round trip each way; uses the fastest of three tries. */
export async function clockCheck({ session }: Connected, clock: Clock): Promise<Check> {
  let best: ClockOffset | null = null;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const found = await readClockOffset(session, clock);
    if (found !== null && (best === null || found.tripMs < best.tripMs)) best = found;
  }
  if (best === null) return unknown('clock', 'the database did not return its time');
  const off = Math.abs(best.offMs);
  const seconds = `${(off / 1_000).toFixed(1)} s ${best.offMs > 0 ? 'ahead of' : 'behind'} the database's`;
  const fix = 'timedatectl set-ntp true (on the machine whose clock is wrong)';
  if (off - best.tripMs > FAIL_MS)
    return fail('clock', `this machine's clock is ${seconds}: retention and codes would be wrong`, fix);
  if (off - best.tripMs > WARN_MS) return warn('clock', `this machine's clock is ${seconds}`, fix);
  return ok('clock', `within ${Math.max(1, Math.ceil(off))} ms of the database's`);
}
