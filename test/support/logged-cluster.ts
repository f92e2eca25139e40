import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { startCluster } from '../../src/demo/cluster/cluster.js';
import { startChild } from '../../src/kernel/child.js';
import { quote, schemaSql, type TestDatabase } from './database.js';
import type { Form } from './mfa.js';

/** A server of its own that writes every statement, its parameters and its duration into a log that can be read here. */
export interface LoggedCluster {
  /** For potctl. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything that was logged since the server started. */
  log(): readonly string[];
  database(form: Form): Promise<TestDatabase>;
  /** One more connection, of the superuser, to any database; it ends with the server. */
  open(database: string): Promise<Pick<TestDatabase, 'query'>>;
  stop(): Promise<void>;
}

const SETTINGS = {
  ...{ fsync: 'off', log_statement: 'all', log_min_duration_statement: '0', log_min_messages: 'debug1' },
  ...{ log_parameter_max_length: '-1', log_parameter_max_length_on_error: '-1', log_error_verbosity: 'verbose' },
};

/** Of several statements at once the last one counts. */
const rowsOf = (result: pg.QueryResult | pg.QueryResult[]): never =>
  (Array.isArray(result) ? result.at(-1)! : result).rows as never;

/** Starts it; the log is what its standard error says. */
export async function startLoggedCluster(): Promise<LoggedCluster> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'potctl-log-'));
  await chmod(directory, 0o711);
  const environment = { PATH: process.env['PATH'] ?? '' };
  const request = { directory, environment, binaries: inject('postgres').binaries, settings: SETTINGS };
  const { stop, host, port, dataDirectory, runsAs, binaries } = await startCluster(request);
  await stop();
  const lines: string[] = [];
  const server = startChild(path.join(binaries, 'postgres'), ['-D', dataDirectory], {
    ...{ environment: { ...environment, LC_ALL: 'C' }, cwd: directory, stdout: 'ignore', ownSession: true },
    ...{ whenWeDie: 'QUIT', onStderrLine: (line) => void lines.push(line) },
    ...(runsAs ? { user: runsAs } : {}),
  });
  const open = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host, port, user: 'postgres', database });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  while (!lines.some((line) => line.includes('ready to accept connections'))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const first = await open('postgres');
  return {
    env: { PGHOST: host, PGPORT: String(port) },
    log: () => lines,
    async open(name) {
      const client = await open(name);
      return { query: async (sql, values) => rowsOf(await client.query(sql, values)) };
    },
    async database(form) {
      const name = `app_${lines.length}`;
      await first.query(`create database ${quote(name)}`);
      const client = await open(name);
      await client.query(await schemaSql(form));
      const query: TestDatabase['query'] = async (sql, values) => rowsOf(await client.query(sql, values));
      return { name, client, query, drop: () => client.end() };
    },
    async stop() {
      await first.end();
      server.kill('SIGINT');
      await server.ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
