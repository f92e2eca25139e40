import { closeSync, openSync } from 'node:fs';
import { fromErrno } from '../kernel/errors.js';
import { hashWrites } from '../storage/hash.js';
import { requireWhole } from './check-complete.js';
import type { CompressedFile, CompressingProgram } from './compress.js';
import { type Pipes, writeTo } from './pipes.js';
import { toolError } from './programs.js';

/** Compresses by a program that writes the file itself: what it stores does not pass through this process. */
export function compressThrough(
  file: string,
  { name: program, args }: CompressingProgram,
  outside: {
    readonly pipes: Pipes;
    readonly environment: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): CompressedFile {
  const { pipes, environment, signal } = outside;
  const stdout = create(file);
  const { child, input } = pipes.sink(program, args, { environment, signal, stdout });
  closeSync(stdout);
  const stored = hashWrites(file);
  let given = 0;
  const failed = async (): Promise<never> => {
    const end = await child.ended;
    signal.throwIfAborted();
    throw toolError(program, end);
  };
  return {
    write(bytes) {
      given += bytes.length;
      const full = writeTo(input, bytes);
      return full?.then(() => (input.destroyed ? failed() : undefined));
    },
    async close() {
      input.end();
      const end = await child.ended;
      if (!end.ok) return failed();
      const [[hashed]] = await Promise.all([
        stored.finish([file]),
        requireWhole({ file, program, bytes: given }, environment),
      ]);
      return hashed!;
    },
    async abort() {
      child.kill();
      input.destroy();
      await child.ended;
      await stored.abandon();
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
