import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startCluster } from '../../src/demo/cluster/cluster.js';
import { obtainBinaries } from '../../src/demo/cluster/obtain.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The socket's directory, the port, and the folder with pg_dump, psql …; the only role is the superuser `postgres`. */
    postgres: { host: string; port: number; user: string; binaries: string };
  }
}

/** One throw-away PostgreSQL for the whole run; tests get databases of their own from freshDatabase(). */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const environment = { PATH: process.env['PATH'] ?? '' };
  const directory = await mkdtemp(path.join(os.tmpdir(), 'potctl-test-'));
  const binaries = await obtainBinaries({
    environment: process.env as Record<string, string>,
    onNote: (text) => process.stderr.write(`${text}\n`),
  });
  // Also for what looks for psql and pg_dump by itself; the workers inherit it.
  process.env['PATH'] = `${binaries}:${environment.PATH}`;
  const settings = {
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    // It would visit hundreds of databases that live for a second.
    autovacuum: 'off',
    max_prepared_transactions: '10',
    // All files share it: forty callers at once in one of them must not take what a backup in the other needs.
    max_connections: '200',
    // It may lie in memory.
    max_wal_size: '256MB',
  };
  const cluster = await startCluster({ directory, binaries, environment, settings });
  project.provide('postgres', { host: cluster.host, port: cluster.port, user: cluster.user, binaries });
  return async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
