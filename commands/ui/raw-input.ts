/** The keyboard, key by key. */
export interface RawInput {
  /** Gives the keyboard back as it was. */
  release(): void;
}

/**
 * Reads keys as they are pressed, without an echo; Ctrl-C comes as a key.
 *
 * @param onKeys what was typed; null when the terminal is gone
 */
export function readRaw(input: NodeJS.ReadStream, onKeys: (keys: string | null) => void): RawInput {
  const wasRaw = input.isRaw;
  const heard = (chunk: Buffer | string): void => onKeys(String(chunk));
  const gone = (): void => onKeys(null);
  input.setRawMode(true);
  input.on('data', heard).on('error', gone).on('end', gone).resume();
  return {
    release() {
      input.off('data', heard).off('end', gone).pause();
      try {
        if (!wasRaw) input.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
      // A late EIO of a terminal that is gone must not be a crash.
      input.off('error', gone).on('error', () => {});
    },
  };
}

/** Throws away what was typed ahead: resolves when nothing has come for `quietMs`. */
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
