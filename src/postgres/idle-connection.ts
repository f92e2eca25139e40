import { setTimeout as delay } from 'node:timers/promises';
import type { Connected } from './client.js';

/** A connection that no session uses at the moment. */
export interface Idle {
  readonly connected: Connected;
  readonly versionNum: number;
  /** The backend's own pid. */
  readonly pid: number;
  readonly roleSearchPath: readonly string[];
}

/** Keeps one connection for reuse. */
export interface IdleConnection {
  /** Keeps it, unless another one is kept already; false: the caller must close it. Never rejects. */
  park(idle: Idle): Promise<boolean>;
  /** Returns the reset connection; undefined if none is kept, or if it was lost meanwhile. */
  take(): Promise<Idle | undefined>;
  close(): void;
}

/** Kept only briefly: our session would prevent others from renaming or copying its database. */
const KEPT_MS = 3_000;
const ANSWER_MS = 1_000;

/**
 * Creates the holder. A command queries the server several times, each time in its own session. A new connection costs 50 ms for a process
 * on the server; reusing the last one after a reset costs nothing.
 */
export function keepIdleConnection(): IdleConnection {
  let kept: { readonly idle: Idle; readonly timer: NodeJS.Timeout } | undefined;
  const release = (): Idle | undefined => {
    clearTimeout(kept?.timer);
    const idle = kept?.idle;
    kept = undefined;
    return idle;
  };
  const close = (): void => release()?.connected.destroy();
  return {
    close,
    async park(idle) {
      if (kept !== undefined || !(await setBack(idle))) return false;
      // Another one may have been parked meanwhile.
      if (kept !== undefined) return false;
      kept = { idle, timer: setTimeout(close, KEPT_MS).unref() };
      return true;
    },
    async take() {
      const idle = release();
      if (idle === undefined || (await answers(idle))) return idle;
      idle.connected.destroy();
      return undefined;
    },
  };
}

/** Ends transactions and drops settings and locks, so that the next session starts clean. */
const setBack = ({ connected: { client } }: Idle): Promise<boolean> =>
  soon(client.query('rollback').then(() => client.query('discard all')));

const answers = ({ connected: { client } }: Idle): Promise<boolean> => soon(client.query('select'));

/** Whether the work succeeds within a short time. If the network is down, no answer arrives at all. */
async function soon(work: Promise<unknown>): Promise<boolean> {
  const stop = new AbortController();
  const late = delay(ANSWER_MS, false, { signal: stop.signal, ref: false }).catch(() => false);
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      late,
    ]);
  } finally {
    stop.abort();
  }
}
