import { closeSync, constants, existsSync, openSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { Child, ChildOptions } from '../kernel/child.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../kernel/short-lived.js';
import { isInstalled, startTool } from './programs.js';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** Half of a widened pipe: few reads, and the program on the other side keeps working meanwhile. */
const READ_BYTES = 512 << 10;

type StartOptions = Omit<ChildOptions, 'stdin' | 'stdout'> & { readonly stdin?: number; readonly stdout?: number };

/**
 * Consumes the bytes of a stream; a returned promise asks to wait. The bytes are valid until it resolves, or until the function returns
 * without one.
 */
export type Take = (bytes: Buffer) => Promise<void> | undefined;

/**
 * Kernel pipes to programs. Node connects children by sockets and allocates a buffer for every read, which for gigabytes costs three times
 * the processor time of a real pipe read into one buffer.
 */
export interface Pipes {
  /** Starts a program; `read` passes its stdout to `take` until the end. If `take` throws, reading stops. */
  source(
    file: string,
    args: readonly string[],
    options: StartOptions,
  ): { child: Child; read(take: Take): Promise<void> };
  /**
   * Starts a program and returns its stdin; see {@link writeTo}. An error of that stream is only a consequence: the exit status tells the
   * cause.
   */
  sink(file: string, args: readonly string[], options: StartOptions): { child: Child; input: Writable };
  /** Closes unused pipes; running programs are not affected. */
  remove(): void;
}

/** Below this size, the programs that create the pipes cost more than the pipes save. */
export const WORTH_PIPES_BYTES = 16 << 20;

/**
 * Creates pipes for `programs` programs that will transfer about `bytes` bytes. If kernel pipes are impossible, used up or not worthwhile,
 * sockets are used, which are only slower.
 */
export async function createPipes(
  { programs, bytes }: { readonly programs: number; readonly bytes: number },
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Pipes> {
  const unused = bytes < WORTH_PIPES_BYTES ? [] : await openFifos(programs, environment, signal);
  return {
    source(file, args, options) {
      const fifo = unused.shift();
      return fifo === undefined ? socketSource(file, args, options) : pipedSource(fifo, file, args, options);
    },
    sink(file, args, options) {
      const fifo = unused.shift();
      return fifo === undefined ? socketSink(file, args, options) : pipedSink(fifo, file, args, options);
    },
    remove() {
      for (const fifo of unused.splice(0)) closeSync(fifo);
    },
  };
}

/** Opens named pipes and removes their names at once, so that nothing is left behind: Node has no unnamed pipes. */
async function openFifos(count: number, environment: Readonly<Record<string, string>>, signal: AbortSignal) {
  if (!existsSync(OWN_DESCRIPTORS)) return [];
  let folder: string | undefined;
  try {
    folder = await makeShortLivedFolder(environment['TMPDIR'] || '/tmp', 'pipe');
    const names = Array.from({ length: count }, (_, index) => path.join(folder!, `${index}`));
    const options = { environment, signal, stdout: 'ignore' } as const;
    const { ok } = await startTool('mkfifo', ['-m', '600', ...names], options).ended;
    const fifos = ok ? names.map((name) => openSync(name, O_RDWR | O_NONBLOCK)) : [];
    await widen(fifos, environment, signal);
    return fifos;
  } catch {
    return [];
  } finally {
    if (folder !== undefined) await removeShortLivedFolder(folder);
  }
}

/**
 * Enlarges the first two pipes to a megabyte, if perl is installed (always on Debian; Node cannot do it). With the usual 64 KiB the
 * programs on both sides take turns instead of working at the same time.
 */
async function widen(fifos: readonly number[], environment: Readonly<Record<string, string>>, signal: AbortSignal) {
  const [stdin, stdout] = fifos;
  if (stdin === undefined || !isInstalled('perl', environment)) return;
  const script = `fcntl($_, ${F_SETPIPE_SZ}, ${PIPE_BYTES}) for *STDIN, *STDOUT`;
  await startTool('perl', ['-e', script], { environment, signal, stdin, stdout: stdout ?? 'ignore' }).ended;
}

const F_SETPIPE_SZ = 1031;
const PIPE_BYTES = 1 << 20;

const OWN_DESCRIPTORS = '/proc/self/fd';

function pipedSource(fifo: number, file: string, args: readonly string[], options: StartOptions) {
  const { reader, writer } = openEnds(fifo, { reader: O_NONBLOCK, writer: 0 });
  const child = startTool(file, args, { ...options, stdout: writer });
  closeSync(writer);
  return { child, read: (take: Take) => readPipe(reader, take) };
}

function pipedSink(fifo: number, file: string, args: readonly string[], options: StartOptions) {
  const { reader, writer } = openEnds(fifo, { reader: 0, writer: O_NONBLOCK });
  const child = startTool(file, args, { stdout: 'ignore', ...options, stdin: reader });
  closeSync(reader);
  const input = new net.Socket({ fd: writer, readable: false, writable: true });
  input.on('error', () => {});
  return { child, input };
}

/** Opens both ends in place of the descriptor that is both at once. Our end does not block, that of the program does. */
function openEnds(fifo: number, flags: { readonly reader: number; readonly writer: number }) {
  const name = path.join(OWN_DESCRIPTORS, `${fifo}`);
  try {
    return { reader: openSync(name, O_RDONLY | flags.reader), writer: openSync(name, O_WRONLY | flags.writer) };
  } finally {
    closeSync(fifo);
  }
}

function readPipe(descriptor: number, take: Take): Promise<void> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const fail = (error: unknown): void => {
      reject(error);
      socket.destroy();
    };
    const callback = (length: number): boolean => {
      try {
        const full = take(buffer.subarray(0, length));
        full?.then(() => void socket.resume(), fail);
        return full === undefined;
      } catch (error) {
        fail(error);
        return false;
      }
    };
    const options = { fd: descriptor, readable: true, writable: false, onread: { buffer, callback } };
    const socket = new net.Socket(options);
    socket.on('error', fail);
    socket.on('close', () => resolve());
    socket.resume();
  });
}

function socketSource(file: string, args: readonly string[], options: StartOptions) {
  const child = startTool(file, args, options);
  const read = async (take: Take): Promise<void> => {
    for await (const chunk of child.stdout) await take(chunk as Buffer);
  };
  return { child, read };
}

function socketSink(file: string, args: readonly string[], options: StartOptions) {
  const child = startTool(file, args, { stdout: 'ignore', ...options, stdin: 'pipe' });
  child.stdin.on('error', () => {});
  return { child, input: child.stdin };
}

/**
 * Writes bytes. Returns nothing if they are already written, else a promise that resolves when they are, or when the stream is closed:
 * check `destroyed` then.
 */
export function writeTo(stream: Writable, bytes: Buffer): Promise<void> | undefined {
  if (stream.destroyed) return Promise.resolve();
  let out: (() => void) | undefined;
  stream.write(bytes, () => out?.());
  if (stream.writableLength === 0) return undefined;
  return new Promise((resolve) => {
    out = () => {
      stream.off('close', resolve);
      resolve();
    };
    stream.once('close', resolve);
  });
}

/** Passes the pieces on one after the other; returns nothing if all were consumed at once. */
export function takeAll(pieces: readonly Buffer[], take: Take): Promise<void> | undefined {
  for (const [index, piece] of pieces.entries()) {
    const full = take(piece);
    if (full) return full.then(() => takeAll(pieces.slice(index + 1), take));
  }
  return undefined;
}

/** Waits for both promises, if any. */
export function both(first: Promise<void> | undefined, second: Promise<void> | undefined): Promise<void> | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return Promise.all([first, second]).then(() => undefined);
}
