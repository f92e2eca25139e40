import type { ConnectionSettings } from '../config/libpq/settings.js';
import { once } from '../kernel/once.js';
import { openLogin } from './login.js';
import type { ToolRunner } from './run-tool.js';
import type { OpenOptions, Server } from './server.js';
import { openSessions } from './sessions.js';

/** The server of `settings`. Connects when the first session is opened. */
export function openServer(settings: ConnectionSettings, options: OpenOptions): Server {
  const login = openLogin(settings);
  const sessions = openSessions(settings, login, options);
  let opened: ToolRunner | undefined;
  const serverVersion = once(() => sessions.serverVersion());
  // Commands that only query the database do not load the code that starts programs: it takes a tenth of their start time.
  const runner = once(async () => {
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
