import type { Potctl } from '../src/potctl.js';
import type { Terminal } from './ui/terminal.js';
import type { View } from './ui/view.js';

/** What a command works with: the engine, and the person at the keyboard. */
export interface Context {
  /** The engine, opened for this command line. */
  readonly potctl: Potctl;
  /** For a command that talks while it works (the tour): lines appear at once on stdout, or on stderr when stdout carries JSON. */
  readonly live: View;
  /** The person at the keyboard; null where nobody can be asked, and `whyNoTerminal` says why. */
  readonly terminal: Terminal | null;
  readonly whyNoTerminal: string;
  /** The first line of stdin, for `--code-stdin`. @throws E_USAGE when it is empty or longer than a line */
  readLine(): Promise<string>;
  /** --reason and --ticket. */
  readonly change: { readonly reason: string | undefined; readonly ticket: string | undefined };
}
