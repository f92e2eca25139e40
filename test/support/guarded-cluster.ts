import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { startCluster } from '../../src/demo/cluster/cluster.js';
import { serverUser } from '../../src/demo/cluster/system-user.js';

/** A server that wants passwords, with and without TLS; on 127.0.0.1. */
export interface GuardedCluster {
  readonly port: number;
  /** For the superuser, without a password. */
  readonly socketDirectory: string;
  readonly password: string;
  stop(): Promise<void>;
}

export const FIXTURES = new URL('../fixtures/tls/', import.meta.url);

/** `tls_only`, `plain_only`, `both` log in with the password; `certified` with the client certificate; `postgres` by the socket. */
const HBA = `
local   all postgres             trust
hostssl all tls_only,"both"        127.0.0.1/32 scram-sha-256
hostssl all certified            127.0.0.1/32 cert
hostnossl all plain_only,"both"    127.0.0.1/32 scram-sha-256
`;

/** Starts it, with TLS unless `ssl` is off. */
export async function startGuardedCluster(ssl: 'on' | 'off' = 'on'): Promise<GuardedCluster> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'potctl-tls-'));
  await chmod(directory, 0o711);
  const files = await serverFiles(directory);
  const port = await freePort();
  const cluster = await startCluster({
    directory,
    binaries: inject('postgres').binaries,
    environment: { PATH: process.env['PATH'] ?? '' },
    port,
    settings: { ...files, ssl, listen_addresses: '127.0.0.1', fsync: 'off', password_encryption: 'scram-sha-256' },
  });
  const password = `p:w\\d é'"${port}`;
  await inSuperSession(cluster.host, port, async (client) => {
    for (const role of ['tls_only', 'plain_only', 'both', 'certified']) {
      await client.query(`create role "${role}" login password ${client.escapeLiteral(password)}`);
    }
  });
  return {
    port,
    socketDirectory: cluster.host,
    password,
    async stop() {
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Runs statements as the superuser. */
export async function inSuperSession<T>(
  host: string,
  port: number,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function serverFiles(directory: string): Promise<Record<string, string>> {
  const folder = path.join(directory, 'files');
  await mkdir(folder);
  const owner = await serverUser();
  const names = ['ca.crt', 'server.crt', 'server.key'];
  for (const name of names) await copyFile(new URL(name, FIXTURES), path.join(folder, name));
  await writeFile(path.join(folder, 'pg_hba.conf'), HBA);
  for (const name of [...names, 'pg_hba.conf']) {
    await chmod(path.join(folder, name), 0o600);
    if (owner) await chown(path.join(folder, name), owner.uid, owner.gid);
  }
  const file = (name: string) => path.join(folder, name);
  return {
    ssl_ca_file: file('ca.crt'),
    ssl_cert_file: file('server.crt'),
    ssl_key_file: file('server.key'),
    hba_file: file('pg_hba.conf'),
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
