import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inject, onTestFinished } from 'vitest';
import type { ConnectionSettings } from '../../src/config/libpq/settings.js';
import { openServer } from '../../src/postgres/open.js';
import type { OpenOptions, Server } from '../../src/postgres/server.js';

/** Settings for a database of the run's cluster. */
export function testSettings(database: string, change: Partial<ConnectionSettings> = {}): ConnectionSettings {
  const { host, port, user } = inject('postgres');
  return {
    host,
    hostaddr: null,
    port,
    user,
    database,
    sslmode: 'prefer',
    sslrootcert: null,
    sslcert: null,
    sslkey: null,
    password: null,
    passwordSource: null,
    options: null,
    connectTimeoutS: 10,
    service: null,
    ...change,
  };
}

/** The run's cluster as the engine sees it; closed when the test ends. */
export function openTestServer(
  database: string,
  options: Partial<OpenOptions> = {},
  change: Partial<ConnectionSettings> = {},
): Server {
  const runtimeDirectory = mkdtempSync(path.join(os.tmpdir(), 'potctl-run-'));
  const server = openServer(testSettings(database, change), {
    environment: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
    runtimeDirectory,
    signal: new AbortController().signal,
    toolDirectories: [inject('postgres').binaries],
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(runtimeDirectory, { recursive: true, force: true });
  });
  return server;
}
