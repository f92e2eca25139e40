import type { Clock } from '../kernel/clock.js';
import type { Session } from './server.js';

/** How far this machine's clock is ahead of the server's (negative: behind), and the round-trip time, which limits the precision. */
export interface ClockOffset {
  readonly offMs: number;
  readonly tripMs: number;
}

/** Asks the server for the time once and assumes half of the round trip for each direction. @returns null if the answer is unusable */
export async function readClockOffset(session: Pick<Session, 'query'>, clock: Clock): Promise<ClockOffset | null> {
  const began = clock.monotonicMs();
  const [row] = await session.query<{ ms: string }>(
    `select (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000)::pg_catalog.int8::pg_catalog.text as ms`,
  );
  const tripMs = clock.monotonicMs() - began;
  const offMs = Math.round(clock.now().getTime() - tripMs / 2 - Number(row?.ms));
  return Number.isNaN(offMs) ? null : { offMs, tripMs };
}
