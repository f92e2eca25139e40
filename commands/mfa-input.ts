import { PotctlError } from '../src/errors.js';
import type { Delivery } from '../src/mfa/delivery.js';
import type { Context } from './context.js';
import { codesScreen } from './ui/codes-screen.js';

/**
 * The code, from stdin or from the person at the terminal, never from the command line.
 *
 * @throws E_USAGE without a terminal and without --code-stdin
 */
export async function readCode(context: Context, fromStdin: boolean, question: string): Promise<string> {
  if (fromStdin) return context.readLine();
  if (context.terminal === null) {
    throw new PotctlError('E_USAGE', `a code is wanted, and ${context.whyNoTerminal}`, {
      fix: ['Give it on stdin: `… --code-stdin < FILE`. A code has no flag: command lines are seen by everybody.'],
    });
  }
  return (await context.terminal.hidden(question)).reveal();
}

/** Where secrets may go. */
export interface HandOut {
  /** What the lines on the screen are. */
  readonly title: string;
  /** Draws them for the alternate screen. */
  draw(lines: readonly string[], size: { readonly columns: number; readonly rows: number }): readonly string[];
  readonly files: readonly Delivery[];
  /** For the message when there is neither. */
  readonly flags: string;
}

/**
 * Files that were named, else the alternate screen of the terminal.
 *
 * @throws E_SECRET_OUTPUT when there is neither
 */
export async function handOut(context: Context, { title, draw, files, flags }: HandOut): Promise<Delivery> {
  const { toAll } = await import('../src/mfa/delivery.js');
  if (files.length > 0) return toAll(files);
  const { terminal } = context;
  if (terminal === null) {
    throw new PotctlError('E_SECRET_OUTPUT', `${title} would have to be shown, and ${context.whyNoTerminal}`, {
      fix: [`Name a new file for it: ${flags}`],
    });
  }
  return {
    to: 'the screen',
    prepare: async () => async () => {},
    hand: async (lines) => terminal.showOnce((size) => draw(lines, size)),
  };
}

/** Where the codes are that were handed out. */
export const handedOut = (to: string): string =>
  to === 'the screen' ? 'The codes were shown once, and cannot be shown again' : `The codes are in ${to}`;

/**
 * Where backup codes go: the file that was named, else the screen.
 *
 * @param use what they are good for, to follow a colon
 * @throws E_SECRET_OUTPUT
 */
export async function codesDelivery(context: Context, file: string | undefined, use: string): Promise<Delivery> {
  const { asText, checkNewFile, toNewFile } = await import('../src/mfa/delivery.js');
  if (file !== undefined) await checkNewFile(file);
  return handOut(context, {
    title: 'backup codes',
    draw: (lines) => codesScreen(lines, use),
    files: file === undefined ? [] : [toNewFile(file, asText)],
    flags: '`--codes-to FILE`',
  });
}
