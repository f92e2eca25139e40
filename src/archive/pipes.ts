import { closeSync, constants, existsSync, openSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Writable } from 'node:stream';
import type { Child, ChildOptions } from '../kernel/child.js';
import { makeShortLivedFolder, removeShortLivedFolder } from '../kernel/short-lived.js';
import { isInstalled, startTool } from './programs.js';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** Half of what a widened pipe holds: few reads, and the program on the other side goes on meanwhile. */
const READ_BYTES = 512 << 10;

type StartOptions = Omit<ChildOptions, 'stdin' | 'stdout'> & { readonly stdin?: number; readonly stdout?: number };

/** What takes the bytes of a stream; a promise asks to wait. The bytes are valid until it resolves, or until it returns without one. */
export type Take = (bytes: Buffer) => Promise<void> | undefined;

/**
 * Kernel pipes to programs. Node connects children by sockets and allocates a buffer for every read, which for gigabytes costs three times the
 * processor time of a real pipe read into one buffer.
 */
export interface Pipes {
  /** Starts a program whose stdout `read` hands on until its end. What `take` throws ends the reading. */
  source(
    file: string,
    args: readonly string[],
    options: StartOptions,
  ): { child: Child; read(take: Take): Promise<void> };
  /** Starts a program and gives its stdin; see {@link writeTo}. An error of that stream is a consequence: the exit status tells the cause. */
  sink(file: string, args: readonly string[], options: StartOptions): { child: Child; input: Writable };
  /** Gives back what was not used; programs that run are not touched. */
  remove(): void;
}

/** With less to carry the programs that make the pipes cost more than the pipes save. */
export const WORTH_PIPES_BYTES = 16 << 20;

/**
 * Makes room for so many programs that will carry about so many bytes. Where kernel pipes are impossible, used up or not worth it, sockets
 * do the same, only slower.
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

/** Node has no unnamed pipes: these lose their names at once, so that nothing is left behind whatever happens. */
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
 * Gives the first two pipes room for a megabyte where perl is (Debian always has it; Node cannot do it): with the usual 64 KiB the programs
 * on both sides take turns instead of working at the same time.
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

/** Both ends, in place of the descriptor that is both at once. Ours does not block, the program's does. */
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
 * Writes; gives nothing when the bytes are out already, else a promise that resolves when they are, or when the stream is closed: ask
 * `destroyed` then.
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

/** Hands on one piece after the other; gives nothing when all of them were taken at once. */
export function takeAll(pieces: readonly Buffer[], take: Take): Promise<void> | undefined {
  for (const [index, piece] of pieces.entries()) {
    const full = take(piece);
    if (full) return full.then(() => takeAll(pieces.slice(index + 1), take));
  }
  return undefined;
}

/** Waits for both, if there is anything to wait for. */
export function both(first: Promise<void> | undefined, second: Promise<void> | undefined): Promise<void> | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return Promise.all([first, second]).then(() => undefined);
}
