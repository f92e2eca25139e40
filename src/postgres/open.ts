import type { ConnectionSettings } from '../config/libpq/settings.js';
import { openLogin } from './login.js';
import type { ToolRunner } from './run-tool.js';
import type { Server } from './server.js';
import { openSessions } from './sessions.js';

/** How a server is opened. */
export interface OpenOptions {
  /** PATH and the like for the PostgreSQL tools; HOME for ~/.postgresql. PG* variables in it are not used. */
  readonly environment: Readonly<Record<string, string>>;
  /** A directory of ours for the passfile, created when missing. */
  readonly runtimeDirectory: string;
  /** Cancels what runs, and every later statement of the sessions that are open then. A session opened afterwards works: for cleaning up. */
  readonly signal: AbortSignal;
  /** Instead of the known directories and PATH: where the PostgreSQL tools are looked for. */
  readonly toolDirectories?: readonly string[];
  /** Each statement before it is sent, without its values. */
  readonly onDebug?: (statement: string) => void;
}

/** The server of `settings`. Nothing is connected before the first session. */
export function openServer(settings: ConnectionSettings, options: OpenOptions): Server {
  const login = openLogin(settings);
  const sessions = openSessions(settings, login, options);
  let opened: ToolRunner | undefined;
  const serverVersion = memoised(() => sessions.serverVersion());
  // Whoever only asks the database does without what starting programs needs: a tenth of the start of a command.
  const runner = memoised(async () => {
    const { openToolRunner } = await import('./run-tool.js');
    opened ??= openToolRunner({ settings, login, options, serverVersion });
    return opened;
  });
  return {
    settings,
    session: sessions.open,
    maintenanceSession: sessions.openMaintenance,
    tool: async (name) => (await runner()).tool(name),
    runTool: async (...run) => (await runner()).runTool(...run),
    async close() {
      await sessions.closeAll();
      await opened?.close();
    },
  };
}

/** Asks once; a failure is asked again. */
function memoised<T>(make: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  return () => {
    value ??= make().catch((error: unknown) => {
      value = undefined;
      throw error;
    });
    return value;
  };
}
