import { setTimeout as sleep } from 'node:timers/promises';

/** What is used of a process's stdout or stderr. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Bytes that the reader has not taken yet. */
  readonly writableLength?: number;
  write(text: string, done?: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** An output stream that records a write error instead of throwing, and never blocks the process. */
export interface Output {
  readonly isTerminal: boolean;
  /** The current width; undefined if this is not a terminal. */
  readonly columns: number | undefined;
  write(text: string): void;
  /** True if the reader has taken everything; false for a stopped (Ctrl-S) or slow terminal. */
  isIdle(): boolean;
  /** Resolves when everything written has left this process, or the stream failed. */
  flush(): Promise<void>;
  /** The write error, if any; `EPIPE` if the reader is gone. */
  failure(): NodeJS.ErrnoException | undefined;
}

const USUAL = { columns: 80, rows: 24 };
/** Smaller sizes are not real: serial lines, `docker exec -t` and cron over `ssh -tt` report 0. */
const FEWEST = { columns: 6, rows: 2 };

/** Returns the size of a terminal, or 80 × 24 if it does not report a usable one. */
export function screenSize(terminal: { readonly columns?: number; readonly rows?: number }): {
  readonly columns: number;
  readonly rows: number;
} {
  const usable = (name: 'columns' | 'rows'): number => {
    const size = terminal[name];
    return size !== undefined && Number.isInteger(size) && size >= FEWEST[name] ? size : USUAL[name];
  };
  return { columns: usable('columns'), rows: usable('rows') };
}

/**
 * Wraps stdout and stderr, whose readers may be slow, stop or go away at any time. If both are the same terminal, lines keep their order
 * even though neither blocks.
 */
export function createOutputs(
  stdout: OutputStream,
  stderr: OutputStream,
): { readonly output: Output; readonly errors: Output } {
  const [output, errors] = [createOutput(stdout), createOutput(stderr)];
  if (!output.isTerminal || !errors.isTerminal) return { output, errors };
  const inOrder = keepOrder();
  return { output: inOrder(output), errors: inOrder(errors) };
}

/** Wraps one standard stream. */
export function createOutput(stream: OutputStream): Output {
  let broken: NodeJS.ErrnoException | undefined;
  const fail = (error: Error): void => {
    broken ??= error;
  };
  stream.on('error', fail);
  const isTerminal = stream.isTTY === true;
  if (isTerminal) stopBlocking(stream);
  return {
    isTerminal,
    get columns() {
      return isTerminal ? screenSize(stream).columns : undefined;
    },
    write(text) {
      if (broken === undefined) stream.write(text);
    },
    isIdle: () => broken !== undefined || (stream.writableLength ?? 0) === 0,
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

/** Waits until all output has left this process. @returns false if some had not after `patienceMs` */
export async function flushed(outputs: readonly Output[], patienceMs: number): Promise<boolean> {
  const all = Promise.all(outputs.map((output) => output.flush())).then(() => true);
  if (patienceMs === Number.POSITIVE_INFINITY) return all;
  return Promise.race([all, sleep(patienceMs, false, { ref: false })]);
}

/**
 * Makes writes to a terminal asynchronous. Node writes synchronously by default, so a stopped terminal would also stop signals, heartbeats
 * and the work. There is no public API for this, so it is set on the handle; a stream without a handle (in tests) does not block.
 */
function stopBlocking(stream: OutputStream): void {
  const { _handle: handle } = stream as { _handle?: { setBlocking?(on: boolean): number } };
  handle?.setBlocking?.(false);
}

function keepOrder(): (output: Output) => Output {
  const waiting: { readonly to: Output; readonly text: string }[] = [];
  let last: Output | undefined;
  let armed = false;
  const pump = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (last !== undefined && last !== next.to && !last.isIdle()) {
        arm(last);
        return;
      }
      waiting.shift();
      last = next.to;
      last.write(next.text);
    }
  };
  const arm = (output: Output): void => {
    if (armed) return;
    armed = true;
    void output.flush().then(() => {
      armed = false;
      pump();
    });
  };
  return (output) => ({
    isTerminal: output.isTerminal,
    get columns() {
      return output.columns;
    },
    write(text) {
      waiting.push({ to: output, text });
      pump();
    },
    isIdle: () => waiting.length === 0 && output.isIdle(),
    async flush() {
      while (waiting.length > 0) {
        await last?.flush();
        pump();
      }
      await output.flush();
    },
    failure: output.failure,
  });
}

/**
 * Returns whether a stream gets colors. Decided by the flag, then NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, then the stream itself: a
 * terminal that is not dumb, and CLICOLOR is not 0.
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
