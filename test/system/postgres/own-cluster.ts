import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import type { ConnectionSettings } from '../../../src/config/libpq/settings.js';
import { startCluster } from '../../../src/demo/cluster/cluster.js';

/** A separate server for tests of server settings; its only role is the superuser `postgres`. */
export interface OwnCluster {
  readonly dataDirectory: string;
  /** Environment variables for potctl. */
  readonly env: Readonly<Record<string, string>>;
  /** Connection settings for the engine. */
  readonly settings: Pick<ConnectionSettings, 'host' | 'port'>;
  /** Runs statements as the superuser, each on its own. */
  sql<Row extends object = Record<string, unknown>>(database: string, ...statements: string[]): Promise<Row[]>;
  stop(): Promise<void>;
}

/** Settings of the server to start. */
export function serverMajor(): number {
  const program = path.join(inject('postgres').binaries, 'postgres');
  return Number(/\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0]);
}

/** Starts the server, without fsync. */
export async function startOwnCluster(settings: Readonly<Record<string, string>>): Promise<OwnCluster> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'potctl-own-'));
  await chmod(directory, 0o711);
  const { host, port, dataDirectory, stop } = await startCluster({
    directory,
    binaries: inject('postgres').binaries,
    environment: { PATH: process.env['PATH'] ?? '' },
    settings: { fsync: 'off', autovacuum: 'off', ...settings },
  });
  return {
    dataDirectory,
    env: { PGHOST: host, PGPORT: String(port) },
    settings: { host, port },
    async sql(database, ...statements) {
      const client = new pg.Client({ host, port, user: 'postgres', database });
      await client.connect();
      try {
        let rows: unknown[] = [];
        for (const statement of statements) ({ rows } = await client.query(statement));
        return rows as never;
      } finally {
        await client.end();
      }
    },
    async stop() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
