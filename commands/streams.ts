/** What the streams need of a process's stdout or stderr. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done?: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A stream that remembers that it broke instead of throwing. */
export interface Output {
  readonly isTerminal: boolean;
  /** undefined where there is no terminal. */
  readonly columns: number | undefined;
  write(text: string): void;
  /** Resolves when everything written has left this process, or the stream broke. */
  flush(): Promise<void>;
  /** Why it broke; `EPIPE` when nobody reads any more. */
  failure(): NodeJS.ErrnoException | undefined;
}

/** Wraps a standard stream: whoever reads it may go away at any time. */
export function createOutput(stream: OutputStream): Output {
  let broken: NodeJS.ErrnoException | undefined;
  const fail = (error: Error): void => {
    broken ??= error;
  };
  stream.on('error', fail);
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns : undefined,
    write(text) {
      if (broken === undefined) stream.write(text);
    },
    flush: () =>
      new Promise((resolve) => {
        if (broken !== undefined) resolve();
        else {
          stream.write('', (error) => {
            if (error) fail(error);
            resolve();
          });
        }
      }),
    failure: () => broken,
  };
}

/**
 * May a stream have colours? Flag, then NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, then what the stream is (a terminal that is not dumb,
 * CLICOLOR not 0).
 */
export function wantsColor(
  isTerminal: boolean,
  when: 'auto' | 'always' | 'never',
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if (when !== 'auto') return when === 'always';
  if (environment['NO_COLOR']) return false;
  for (const name of ['FORCE_COLOR', 'CLICOLOR_FORCE']) {
    const value = environment[name];
    if (value !== undefined && value !== '') return value !== '0' && value !== 'false';
  }
  return isTerminal && environment['TERM'] !== 'dumb' && environment['CLICOLOR'] !== '0';
}
