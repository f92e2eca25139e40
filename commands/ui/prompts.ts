import type { Readable, Writable } from 'node:stream';
import { PotctlError } from '../../src/kernel/errors.js';
import { Secret } from '../../src/kernel/secret.js';

/** Asks a person at a terminal, on stderr. Each question may reject with E_CANCELED. */
export interface Prompter {
  /** Returns exactly what was typed. */
  typed(question: string): Promise<string>;
  password(question: string): Promise<Secret>;
}

export interface PromptStreams {
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/** An answer gets no check mark: whether it is right is not known yet. */
const PLAIN = { prefix: '?' };

/** Creates a prompter. It loads @inquirer/prompts with the first question. Do not call it without a terminal. */
export function createPrompter(streams: PromptStreams): Prompter {
  const { input, output, signal } = streams;
  const context = { input: input as NodeJS.ReadableStream, output: output as NodeJS.WritableStream, signal };
  const load = () => import('@inquirer/prompts');
  return {
    typed: async (message) => ask(signal, async () => (await load()).input({ message, theme: PLAIN }, context)),
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
      throw new PotctlError('E_CANCELED', 'canceled at the prompt', { changed: 'nothing' });
    }
    throw error;
  }
}
