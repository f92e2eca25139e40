import { setImmediate } from 'node:timers/promises';

const SLICE_MS = 20;

/**
 * Returns a function that lets timers, signals and heartbeats run during long synchronous work: call it between items and await its
 * promise, if any.
 *
 * @throws the signal's reason when aborted
 */
export function createYielder(signal: AbortSignal): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      signal.throwIfAborted();
      since = performance.now();
    });
  };
}
