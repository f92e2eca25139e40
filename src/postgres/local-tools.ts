import type { OpenOptions } from './open.js';
import { openToolRunner } from './run-tool.js';
import type { Server } from './server.js';

/**
 * The PostgreSQL tools of this machine without a server, the newest of all: for reading dumps where nothing answers. What connects
 * fails at once, on a host that cannot exist.
 */
export function openLocalTools(
  options: Pick<OpenOptions, 'environment' | 'runtimeDirectory' | 'toolDirectories' | 'onDebug'>,
): Pick<Server, 'tool' | 'runTool'> {
  const nobody = { host: 'localhost.invalid', hostaddr: null, port: 1, user: 'nobody', database: 'postgres' };
  const tls = { sslmode: 'disable', sslrootcert: null, sslcert: null, sslkey: null } as const;
  const settings = {
    ...nobody,
    ...tls,
    password: null,
    passwordSource: null,
    options: null,
    connectTimeoutS: 1,
    service: null,
  };
  const login = { known: () => null, password: () => Promise.reject(new Error('there is no server to log in to')) };
  const { tool, runTool } = openToolRunner({ settings, login, options, serverVersion: async () => 0 });
  return { tool, runTool };
}
