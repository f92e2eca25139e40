import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { serverUser } from '../../../src/demo/cluster/system-user.js';
import { freshDatabase } from '../../support/database.js';
import { freePort } from '../../support/guarded-cluster.js';
import { openTestServer } from '../../support/server.js';

const PGBOUNCER = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find((file) =>
  existsSync(file),
);

describe.skipIf(PGBOUNCER === undefined)('PgBouncer (skipped if not installed)', () => {
  test.each([
    ['transaction', 0, 0],
    ['transaction', 0, 3],
    ['transaction', 1, 0],
    ['transaction', 1, 1],
    ['transaction', 1, 2],
    ['transaction', 1, 3],
    ['statement', 0, 0],
  ])(
    'pool_mode=%s, round robin %i, %i idle backends: refused, and the backends are unchanged',
    async (mode, roundRobin, idle) => {
      const database = await freshDatabase();
      const settings = await startPgBouncer(database.name, { pool_mode: mode, server_round_robin: roundRobin });
      await warmUp(settings, database.name, mode === 'statement' ? 0 : idle + 1);
      const server = openTestServer(database.name, {}, settings);

      await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({
        code: 'E_DB_POOLER',
        why: expect.stringContaining(mode === 'statement' ? 'not allowed' : 'different backends'),
        fix: expect.arrayContaining([expect.stringContaining('PostgreSQL server itself')]),
      });

      const client = await plainClient(settings, database.name);
      for (let count = 0; count < 5; count += 1) {
        const { rows } = await client.query(`select current_setting('statement_timeout') as timeout`);
        expect(rows).toEqual([{ timeout: '0' }]);
      }
      await client.end();
    },
  );

  test('pool_mode=session keeps a backend per client, and is accepted', async () => {
    const database = await freshDatabase();
    const server = openTestServer(database.name, {}, await startPgBouncer(database.name, { pool_mode: 'session' }));

    const session = await server.session({ purpose: 'test' });

    expect(await session.query(`select current_setting('statement_timeout') as timeout`)).toEqual([{ timeout: '30s' }]);
  });

  test('a session pool with a single backend cannot be verified, and is refused within seconds', async () => {
    const database = await freshDatabase();
    const settings = await startPgBouncer(database.name, { pool_mode: 'session', default_pool_size: 1 });

    await expect(openTestServer(database.name, {}, settings).session({ purpose: 'test' })).rejects.toMatchObject({
      code: 'E_DB_POOLER',
    });
  });
});

interface Address {
  readonly host: string;
  readonly port: number;
}

async function startPgBouncer(database: string, options: Record<string, string | number>): Promise<Address> {
  const { host, port: serverPort, user } = inject('postgres');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'potctl-pgb-'));
  await chmod(folder, 0o755);
  const port = await freePort();
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pidfile: '',
    ...options,
  };
  const file = path.join(folder, 'pgbouncer.ini');
  const server = `host=${host} port=${serverPort} user=${user}`;
  const settings = Object.entries(lines).map(([name, value]) => `${name} = ${value}`);
  await writeFile(file, ['[databases]', `${database} = ${server}`, '[pgbouncer]', ...settings, ''].join('\n'));
  const owner = await serverUser();
  if (owner) await chown(file, owner.uid, owner.gid);
  const child = spawn(PGBOUNCER!, ['-q', file], {
    stdio: 'ignore',
    ...(owner ? { uid: owner.uid, gid: owner.gid } : {}),
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  await answers(port);
  return { host: '127.0.0.1', port };
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const open = await new Promise((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await delay(20);
  }
  throw new Error('PgBouncer does not answer');
}

async function plainClient({ host, port }: Address, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host, port, database, user: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Leaves that many idle backends in the pool. */
async function warmUp(address: Address, database: string, backends: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: backends }, () => plainClient(address, database)));
  for (const client of clients) await client.query('begin');
  for (const client of clients) await client.query('commit');
  for (const client of clients) await client.end();
}
