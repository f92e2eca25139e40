import type { Readable, Writable } from 'node:stream';
import { PotctlError } from '../../src/kernel/errors.js';
import { Secret } from '../../src/kernel/secret.js';

/** Questions to a person at a terminal, drawn on stderr. Every one of them may reject with E_CANCELLED. */
export interface Prompter {
  /** What was typed, exactly. */
  typed(question: string): Promise<string>;
  password(question: string): Promise<Secret>;
}

export interface PromptStreams {
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/** Asks through @inquirer/prompts, which is loaded with the first question. Only for a terminal: whoever has none must not call it. */
export function createPrompter(streams: PromptStreams): Prompter {
  const { input, output, signal } = streams;
  const context = { input: input as NodeJS.ReadableStream, output: output as NodeJS.WritableStream, signal };
  const load = () => import('@inquirer/prompts');
  return {
    typed: async (message) => ask(signal, async () => (await load()).input({ message }, context)),
    password: async (message) =>
      new Secret(
        await ask(signal, async () => (await load()).password({ message, mask: false, toggleMask: false }, context)),
      ),
  };
}

async function ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new PotctlError('E_CANCELLED', 'cancelled at the question', { changed: 'nothing' });
    }
    throw error;
  }
}
