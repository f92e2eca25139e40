/** A keyboard that is being read key by key. */
export interface RawInput {
  /** Stops reading and restores the terminal mode. */
  release(): void;
}

/**
 * Reads keys as they are pressed, without echo. Ctrl-C arrives as a key.
 *
 * @param onKeys called with what was typed, or with null when the terminal is gone
 */
export function readRaw(input: NodeJS.ReadStream, onKeys: (keys: string | null) => void): RawInput {
  const wasRaw = input.isRaw;
  const received = (chunk: Buffer | string): void => onKeys(String(chunk));
  const gone = (): void => onKeys(null);
  input.setRawMode(true);
  input.on('data', received).on('error', gone).on('end', gone).resume();
  return {
    release() {
      input.off('data', received).off('end', gone).pause();
      try {
        if (!wasRaw) input.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
      // A late EIO from a terminal that is gone must not crash the process.
      input.off('error', gone).on('error', () => {});
    },
  };
}

/** Discards what was typed ahead. Resolves when nothing has arrived for `quietMs`. */
export function discardTyped(input: NodeJS.ReadStream, quietMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      raw.release();
      resolve();
    };
    let timer = setTimeout(done, quietMs);
    const raw = readRaw(input, (keys) => {
      clearTimeout(timer);
      timer = setTimeout(done, keys === null ? 0 : quietMs);
    });
  });
}
