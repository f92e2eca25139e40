import type { SettingsRequest } from '../src/config/request.js';
import type { Settings } from '../src/config/settings.js';
import type { DumpReader } from '../src/dump/dump-reader.js';
import type { Changes } from '../src/kernel/changes.js';
import type { Clock } from '../src/kernel/clock.js';
import type { Progress } from '../src/kernel/progress.js';
import type { Server } from '../src/postgres/server.js';
import type { Repository } from '../src/repository/repository.js';
import type { Terminal } from './ui/terminal.js';
import type { View } from './ui/view.js';

/** Everything a command may reach. What costs is a function, memoised, closed by main in reverse order. */
export interface Context {
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C, SIGTERM or --timeout. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** What was changed so far: every exit of this command reads it. */
  readonly changes: Changes;
  /** For a command that talks while it works (the tour): lines appear at once on stdout, or on stderr when stdout carries JSON. */
  readonly live: View;
  /** One per invocation. `traceId` is --trace-id or new; both go into every log line and manifest. */
  readonly runId: string;
  readonly traceId: string;
  /** PATH, HOME, locale: what children get; no PG*, no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Who is at the keyboard, `user@host`. */
  readonly operator: string;
  readonly hostname: string;
  /** The user of the operating system. */
  readonly osUser: string;
  /** --reason and --ticket. */
  readonly change: { readonly reason: string | undefined; readonly ticket: string | undefined };
  /** The person at the keyboard; null where nobody can be asked, and `whyNoTerminal` says why. */
  readonly terminal: Terminal | null;
  readonly whyNoTerminal: string;
  /** The first line of stdin, for `--code-stdin`. @throws E_USAGE when it is empty or longer than a line */
  readLine(): Promise<string>;
  /** How many workers make sense by default. */
  readonly processors: number;
  readonly tool: { readonly version: string; readonly node: string; readonly platform: string };
  /** Flags > POTCTL_* > profile > defaults. @throws E_CONFIG, E_PROFILE_NOT_FOUND */
  settings(): Promise<Settings>;
  /** What settings() is made from: for `config` commands and doctor, which have to look at a broken configuration. */
  readonly settingsRequest: SettingsRequest;
  /** Not yet connected. Prints the context line (environment, database, host, user) on stderr once connected. */
  server(): Promise<Server>;
  /** The repository of --repository, else the profile's first. @throws E_CONFIG when none is configured */
  repository(): Promise<Repository>;
  /** Another repository in a directory; an absolute path. */
  repositoryAt(name: string, path: string): Promise<Repository>;
  /** The newest pg_restore here, for dumps that lie in a repository; null where none is installed. */
  dumpReader(): Promise<DumpReader | null>;
  /** --wait in ms, 0 without it. */
  readonly waitMs: number;
  /**
   * Runs `work` while Ctrl-C and SIGTERM are held back (the seconds of a swap); a press says so, and takes effect afterwards.
   */
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
}
