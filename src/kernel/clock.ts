/** The current time. Nothing else reads the system clock. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never decrease, for durations. */
  monotonicMs(): number;
}

export const systemClock: Clock = { now: () => new Date(), monotonicMs: () => performance.now() };
