import type { SettingsRequest } from '../src/config/request.js';
import type { Settings } from '../src/config/settings.js';
import type { Host } from '../src/host/host.js';
import type { Changes } from '../src/kernel/changes.js';
import type { Clock } from '../src/kernel/clock.js';
import type { Progress } from '../src/kernel/progress.js';
import type { Server } from '../src/postgres/server.js';
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

  // Used by the commands that do not come in through the door yet.
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly changes: Changes;
  readonly progress: Progress;
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  readonly runId: string;
  readonly traceId: string;
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly operator: string;
  readonly hostname: string;
  readonly osUser: string;
  readonly tool: Host['tool'];
  settings(): Promise<Settings>;
  readonly settingsRequest: SettingsRequest;
  server(): Promise<Server>;
}
