import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { obtainBinaries } from '../../src/demo/cluster/obtain.js';
import { reachableBinaries } from '../../src/demo/cluster/reachable.js';
import { serverUser } from '../../src/demo/cluster/system-user.js';

/** A PostgreSQL that may be killed and started again on the same data. */
export interface BenchServer {
  /** PATH with the server's own tools, and libpq's variables for this server. */
  readonly environment: Readonly<Record<string, string>>;
  start(): Promise<void>;
  /** kill -9 of the postmaster; its children end themselves. */
  kill(): Promise<void>;
  connect(database?: string): Promise<pg.Client>;
  query<Row extends object = Record<string, unknown>>(sql: string, database?: string): Promise<Row[]>;
  /** Stops it and removes its data. */
  destroy(): Promise<void>;
}

interface Place {
  readonly directory: string;
  readonly host: string;
  readonly data: string;
  readonly binaries: string;
  readonly options: {
    readonly uid?: number;
    readonly gid?: number;
    readonly cwd: string;
    readonly env: Record<string, string>;
    readonly stdio: 'ignore';
  };
}

const USER = 'postgres';
const PORT = 5432;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));
const SETTINGS = { listen_addresses: '', max_connections: '60', jit: 'off' };

/** Creates a cluster below `parent`, on a private socket, and starts it. */
export async function createServer(
  settings: Readonly<Record<string, string>>,
  parent = os.tmpdir(),
): Promise<BenchServer> {
  const place = await initialise(parent);
  const { host, directory } = place;
  const postmaster = makePostmaster(place, { ...SETTINGS, unix_socket_directories: host, ...settings });
  const connect = async (database = 'postgres'): Promise<pg.Client> => {
    const client = new pg.Client({ host, port: PORT, user: USER, database });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const query: BenchServer['query'] = async (sql, database) => {
    const client = await connect(database);
    try {
      return (await client.query(sql)).rows as never;
    } finally {
      await client.end();
    }
  };
  const start = () => postmaster.start(() => query('select 1'));
  await start();
  const environment = { ...place.options.env, PGHOST: host, PGPORT: String(PORT), PGUSER: USER };
  const destroy = async (): Promise<void> => {
    await postmaster.end('SIGINT');
    await rm(directory, { recursive: true, force: true });
  };
  return { environment, start, kill: () => postmaster.end('SIGKILL'), connect, query, destroy };
}

async function initialise(parent: string): Promise<Place> {
  const obtained = await obtainBinaries({
    environment: process.env,
    onNote: (text) => process.stderr.write(`${text}\n`),
  });
  const user = await serverUser();
  const directory = await mkdtemp(path.join(parent, 'potctl-pg-'));
  await chmod(directory, 0o711);
  // What was unpacked into the home of root, the server's user could not run.
  const binaries = await reachableBinaries(obtained, user, directory);
  const [host, data] = [path.join(directory, 's'), path.join(directory, 'd')];
  for (const folder of [host, data]) {
    await mkdir(folder, { mode: 0o700 });
    if (user) await chown(folder, user.uid, user.gid);
  }
  const env = { PATH: `${binaries}:${process.env['PATH'] ?? ''}`, LC_ALL: 'C' };
  const options = { ...(user ? { uid: user.uid, gid: user.gid } : {}), cwd: directory, env, stdio: 'ignore' as const };
  const args = ['-D', data, '-U', USER, '-E', 'UTF8', '--no-locale', '-A', 'trust', '-N'];
  execFileSync(path.join(binaries, 'initdb'), args, options);
  return { directory, host, data, binaries, options };
}

function makePostmaster({ binaries, data, options }: Place, settings: Readonly<Record<string, string>>) {
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  // Where util-linux is there, the kernel stops the server with us, however we end.
  const [program = '', ...front] = SETPRIV === undefined ? ['/usr/bin/env'] : [SETPRIV, '--pdeathsig', 'QUIT', '--'];
  let child: ChildProcess | undefined;
  const runs = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;
  process.once('exit', () => child?.kill('SIGKILL'));

  return {
    async start(probe: () => Promise<unknown>): Promise<void> {
      for (let attempt = 0; attempt < 600; attempt += 1) {
        // A killed postmaster's backends hold its shared memory for a moment longer, so the first attempts may fail.
        if (!runs()) child = spawn(program, [...front, path.join(binaries, 'postgres'), ...args], options);
        await sleep(50);
        if (await probe().then(Boolean, () => false)) return;
      }
      throw new Error('PostgreSQL did not start');
    },
    async end(signal: NodeJS.Signals): Promise<void> {
      if (child === undefined || !runs()) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}
