import type { Potctl } from '../src/potctl.js';
import type { Terminal } from './ui/terminal.js';
import type { View } from './ui/view.js';

/** What a command works with: the engine and the terminal. */
export interface Context {
  /** The engine, opened for this command line. */
  readonly potctl: Potctl;
  /** For output during the work, as in the demo: lines appear at once on stdout, or on stderr if stdout carries JSON. */
  readonly live: View;
  /** For questions; null if nobody can be asked, and `whyNoTerminal` says why. */
  readonly terminal: Terminal | null;
  readonly whyNoTerminal: string;
  /** Reads the first line of stdin, for `--code-stdin`. @throws E_USAGE if it is empty or too long */
  readLine(): Promise<string>;
  /** --reason and --ticket. */
  readonly change: { readonly reason: string | undefined; readonly ticket: string | undefined };
}
