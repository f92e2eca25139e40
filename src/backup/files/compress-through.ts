import { closeSync, openSync } from 'node:fs';
import { fromErrno } from '../../errors.js';
import type { CompressedFile } from './compress.js';
import { createFollowingHash } from './following-hash.js';
import { type Pipes, writeTo } from './pipes.js';
import { toolError } from './programs.js';

const ARGS = { zstd: ['-q', '-T0', '-1', '-c'], pigz: ['-1', '-c'] } as const;
/** How many writes of a pipe's length go by until what the program has stored is hashed. */
const FOLLOW_EVERY = 16;

/** Compresses by a program that writes the file itself: what it stores does not pass through this process. */
export function compressThrough(
  file: string,
  program: keyof typeof ARGS,
  outside: {
    readonly pipes: Pipes;
    readonly environment: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): CompressedFile {
  const { pipes, environment, signal } = outside;
  const stdout = create(file);
  const { child, input } = pipes.sink(program, ARGS[program], { environment, signal, stdout });
  closeSync(stdout);
  const stored = createFollowingHash(file);
  const failed = async (): Promise<never> => {
    const end = await child.ended;
    signal.throwIfAborted();
    throw toolError(program, end);
  };
  let writes = 0;
  return {
    write(bytes) {
      const full = writeTo(input, bytes);
      if (++writes % FOLLOW_EVERY === 0) stored.advance();
      return full?.then(() => (input.destroyed ? failed() : undefined));
    },
    async close() {
      input.end();
      const end = await child.ended;
      if (!end.ok) return failed();
      return stored.finish();
    },
    async abort() {
      child.kill();
      input.destroy();
      await child.ended;
      stored.abandon();
    },
  };
}

function create(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    throw fromErrno(error, `write "${file}"`);
  }
}
