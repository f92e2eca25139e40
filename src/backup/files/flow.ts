import type { Writable } from 'node:stream';

const EVENTS = ['drain', 'close', 'error'] as const;

/**
 * Writes and, when the stream has enough, gives a promise that resolves once it wants more, or is closed: ask `destroyed` then.
 * (Awaiting nothing for most writes is what makes it fast.)
 */
export function write(stream: Writable, bytes: Buffer): Promise<void> | undefined {
  if (stream.destroyed) return Promise.resolve();
  return stream.write(bytes) ? undefined : wanted(stream);
}

function wanted(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of EVENTS) stream.off(event, done);
      resolve();
    };
    for (const event of EVENTS) stream.on(event, done);
  });
}
