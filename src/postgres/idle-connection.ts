import { setTimeout as delay } from 'node:timers/promises';
import type { Connected } from './client.js';

/** A connection that nobody works on at the moment. */
export interface Idle {
  readonly connected: Connected;
  readonly versionNum: number;
  /** The backend's pid, as it says itself. */
  readonly pid: number;
  readonly roleSearchPath: readonly string[];
}

/** Keeps one connection between two uses. */
export interface IdleConnection {
  /** Keeps it, unless another one is kept already; false: the caller is to close it. Never rejects. */
  park(idle: Idle): Promise<boolean>;
  /** Hands it out, as good as new; undefined where none is kept, or where it died meanwhile. */
  take(): Promise<Idle | undefined>;
  close(): void;
}

/** No longer than a moment: a session of ours is in the way of whoever wants to rename or copy its database. */
const KEPT_MS = 3_000;
const ANSWER_MS = 1_000;

/**
 * A command asks the server several times, each time in a session of its own. A new connection costs a process on the server, 50 ms; the
 * last one, set back to how it began, nothing.
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
      // Another one may have come meanwhile.
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

/** Whatever was left open, set or locked is not there for the next one. */
const setBack = ({ connected: { client } }: Idle): Promise<boolean> =>
  soon(client.query('rollback').then(() => client.query('discard all')));

const answers = ({ connected: { client } }: Idle): Promise<boolean> => soon(client.query('select'));

/** Does it succeed before anybody would notice the wait? A network that is gone gives no answer at all. */
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
