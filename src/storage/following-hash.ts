import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { fromErrno } from '../kernel/errors.js';

/** Size in bytes and SHA-256, lower-case hex. */
export interface Hashed {
  readonly size: number;
  readonly sha256: string;
}

/**
 * Computes the SHA-256 of files while another process writes them from start to end, by reading back what is stored. It also syncs large
 * files early, so that the sync before publishing does not start with gigabytes.
 */
export interface FollowingHash {
  /**
   * Reads the rest of the files, which are complete now, and returns their hashes in the same order. Call it once. @throws E_IO, E_FILES_*
   */
  finish(files: readonly string[]): Promise<Hashed[]>;
  /** Stops reading; safe at any time. */
  abandon(): Promise<void>;
}

/** Errors lose their code between threads, so it is sent separately. */
type Answer =
  | { readonly hashed: Hashed[] }
  | {
      readonly doing: string;
      readonly error: Error;
      readonly of: { readonly code?: string; readonly errno?: number };
    };

/**
 * Hashes a file, or every matching file in a folder, on a separate thread: hashing gigabytes costs the main thread nothing and ends with
 * the writer. The file or folder may appear later. Memory use does not depend on the size; a file takes a few hundred bytes.
 *
 * @param matching for a folder: names of files that are only appended to
 */
export function followWrites(target: string, matching?: RegExp): FollowingHash {
  const worker = new Worker(`(${follow})(require, ${createSender}, ${setPriority})`, {
    eval: true,
    workerData: { target, matching },
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  // A failed thread is reported to the caller of `finish`; before that nobody listens.
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  return {
    async finish(files) {
      worker.ref();
      worker.postMessage(files);
      const [answer] = (await Promise.race([once(worker, 'message'), failed])) as [Answer];
      await worker.terminate();
      if ('error' in answer) throw fromErrno(Object.assign(answer.error, answer.of), answer.doing);
      return answer.hashed;
    },
    abandon: async () => void (await worker.terminate()),
  };
}

/** Syncs files early. */
interface Sender {
  send(file: string): void;
  /** Waits for the syncs. @throws the first failure: a later sync of the same file would not report it again */
  settle(): Promise<void>;
}

type CreateSender = (fs: typeof import('node:fs')) => Sender;
type SetPriority = (require: NodeJS.Require, niceness: number) => void;

/**
 * Code of the thread, passed as text. A dump is as fast as its largest table, whose two processes keep waiting for each other: this thread
 * should run in those gaps instead of competing with them. Only root can restore the old priority.
 */
function setPriority(require: NodeJS.Require, niceness: number): void {
  const { readlinkSync } = require('node:fs') as typeof import('node:fs');
  const { setPriority: set } = require('node:os') as typeof import('node:os');
  try {
    // `<pid>/task/<tid>`: on Linux each thread has its own priority.
    set(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), niceness);
  } catch {
    // Not Linux, or not permitted: keep the priority.
  }
}

/** Part of the thread, given to it as text. */
function createSender({ promises }: typeof import('node:fs')): Sender {
  let underway: Promise<void> = Promise.resolve();
  let failure: unknown;
  const sync = async (file: string): Promise<void> => {
    const handle = await promises.open(file, 'r');
    await handle.datasync().finally(() => handle.close());
  };
  const keep = (file: string, error: NodeJS.ErrnoException): void => {
    // Some file systems cannot do it; the backup is synced again before it is published.
    if (error.code === 'EINVAL' || error.code === 'ENOTSUP') return;
    failure ??= Object.assign(error, { doing: `write "${file}"` });
  };
  return {
    send(file) {
      underway = underway.then(() => sync(file)).catch((error) => keep(file, error));
    },
    async settle() {
      await underway;
      if (failure !== undefined) throw failure;
    },
  };
}

/** The code of the thread. It is started from its own text, so it can only use what is passed as text, too. */
function follow(require: NodeJS.Require, createSender: CreateSender, setPriority: SetPriority): void {
  const { createHash } = require('node:crypto') as typeof import('node:crypto');
  const fs = require('node:fs') as typeof import('node:fs');
  const { join } = require('node:path') as typeof import('node:path');
  const { parentPort, workerData } = require('node:worker_threads') as typeof import('node:worker_threads');
  const { target, matching } = workerData as { target: string; matching: RegExp | undefined };
  if (matching !== undefined) setPriority(require, 5);
  const block = Buffer.allocUnsafeSlow(1 << 20);
  const known = new Map<string, { hash: import('node:crypto').Hash; size: number; quiet: number; sent: number }>();
  const knownAs = (file: string) => {
    const found = known.get(file) ?? { hash: createHash('sha256'), size: 0, quiet: 0, sent: 0 };
    known.set(file, found);
    return found;
  };
  const read = (file: string): void => {
    const of = knownAs(file);
    const descriptor = fs.openSync(file, 'r');
    try {
      of.quiet += 1;
      for (let length = 1; length > 0; ) {
        length = fs.readSync(descriptor, block, 0, block.length, of.size);
        if (length > 0) of.quiet = 0;
        of.hash.update(block.subarray(0, length));
        of.size += length;
      }
    } finally {
      fs.closeSync(descriptor);
    }
  };
  const sender = createSender(fs);
  const sendPart = (file: string): void => {
    const of = knownAs(file);
    if (of.size - of.sent < 64 << 20) return;
    of.sent = of.size;
    sender.send(file);
  };
  const look = (): void => {
    const files = matching === undefined ? [target] : fs.readdirSync(target).filter((name) => matching.test(name));
    // A file that has not grown for long is probably complete: thousands of them are not reopened each time.
    for (const file of files.map((name) => (matching ? join(target, name) : name)))
      if (knownAs(file).quiet < 20) {
        read(file);
        sendPart(file);
      }
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      // Not there yet, or already gone: `finish` will report it.
    }
  }, 50);
  parentPort?.once('message', async (files: readonly string[]) => {
    clearInterval(timer);
    if (matching !== undefined) setPriority(require, 0);
    let file = target;
    try {
      const hashed = files.map((name) => {
        file = name;
        read(name);
        const { size, hash } = knownAs(name);
        return { size, sha256: hash.digest('hex') };
      });
      await sender.settle();
      parentPort.postMessage({ hashed });
    } catch (error) {
      const { code, errno, doing = `read "${file}"` } = error as NodeJS.ErrnoException & { doing?: string };
      parentPort.postMessage({ doing, error, of: { code, errno } });
    }
  });
}
