import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Child, type ChildEnd, type ChildOptions, startChild } from '../../kernel/child.js';
import { PotctlError } from '../../kernel/errors.js';
import { reachableBinaries, refuseUnreachable } from './reachable.js';
import { type SystemUser, serverUser } from './system-user.js';

/** A private PostgreSQL server that ends at the latest with this process. */
export interface Cluster {
  /** The directory with its socket, for PGHOST. */
  readonly host: string;
  readonly port: number;
  /** Its only role, a superuser without a password. */
  readonly user: string;
  readonly dataDirectory: string;
  /** The user that runs the server; undefined = this process's user. */
  readonly runsAs: SystemUser | undefined;
  /** The directory with the programs, accessible for that user. */
  readonly binaries: string;
  readonly pid: number;
  /** Shuts down fast, ending open sessions. Resolves when the server has stopped; safe to call twice. */
  stop(): Promise<void>;
}

export interface ClusterRequest {
  /** Directory for everything of the cluster, owned by this user; if that is root, other users must be able to access it. */
  readonly directory: string;
  /** The directory with initdb and postgres: see findBinaries. */
  readonly binaries: string;
  /** PATH, and no secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Server settings, e.g. `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** Aborts the start; use `stop` once it has started. */
  readonly signal?: AbortSignal;
}

const USER = 'postgres';
const SOCKET_PATH_MAX_BYTES = 107;
const START_MS = 60_000;
const STOP_MS = 15_000;

const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  jit: 'off',
  max_connections: '60',
  lc_messages: 'C',
  log_destination: 'stderr',
  logging_collector: 'off',
};

/**
 * Creates and starts a server that listens only on a socket inside `directory`: UTF-8, locale C, one superuser `postgres` without a password
 * (the socket's directory has mode 0700). As root it runs as {@link serverUser}. If this process dies, even by kill -9, the kernel ends the
 * server.
 *
 * @throws PotctlError E_UNFIT with the last lines of its log if it cannot be created or started; E_INTERRUPTED after `signal`
 */
export async function startCluster(request: ClusterRequest): Promise<Cluster> {
  const { directory, port = 5432, signal } = request;
  const host = path.join(directory, 'socket');
  const dataDirectory = path.join(directory, 'data');
  refuseLongSocketPath(host, port);
  const runsAs = await serverUser();
  await refuseUnreachable(directory, runsAs);
  await chmod(directory, 0o711);
  for (const folder of [host, dataDirectory]) await privateFolder(folder, runsAs);

  const binaries = await reachableBinaries(request.binaries, runsAs, directory);
  const options = childOptions(request, runsAs);
  await initialize(path.join(binaries, 'initdb'), dataDirectory, options);
  const settings = { ...SETTINGS, ...request.settings, unix_socket_directories: host, port: String(port) };
  await writeFile(path.join(dataDirectory, 'postgresql.conf'), configuration(settings));
  const server = await startServer(path.join(binaries, 'postgres'), dataDirectory, options);
  const stop = () => stopServer(server);
  if (signal?.aborted) {
    await stop();
    throw new PotctlError('E_INTERRUPTED', 'the start of the temporary PostgreSQL server was interrupted');
  }
  return { host, port, user: USER, dataDirectory, runsAs, binaries, pid: server.pid ?? 0, stop };
}

function refuseLongSocketPath(host: string, port: number): void {
  const socket = path.join(host, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socket) <= SOCKET_PATH_MAX_BYTES) return;
  throw new PotctlError('E_UNFIT', `the socket path '${socket}' is too long`, {
    why: `the path of a Unix socket can have at most ${SOCKET_PATH_MAX_BYTES} bytes`,
    fix: ['Set TMPDIR to a shorter directory, e.g. `TMPDIR=/tmp`.'],
  });
}

async function privateFolder(folder: string, owner: SystemUser | undefined): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  if (owner) await chown(folder, owner.uid, owner.gid);
}

function childOptions(request: ClusterRequest, user: SystemUser | undefined): ChildOptions {
  return {
    environment: { ...request.environment, LC_ALL: 'C', LANG: 'C' },
    cwd: request.directory,
    stdout: 'ignore',
    ownSession: true,
    ...(user ? { user } : {}),
    ...(request.signal ? { signal: request.signal } : {}),
  };
}

async function initialize(initdb: string, dataDirectory: string, options: ChildOptions): Promise<void> {
  const args = ['-D', dataDirectory, '-U', USER, '-E', 'UTF8', '--no-locale', '--auth=trust', '--no-sync'];
  const end = await startChild(initdb, args, options).ended;
  if (!end.ok) throw notStarted('initdb', end);
}

/** Settings go into the file, not arguments, since a kept server is restarted with pg_ctl. */
function configuration(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  return lines.join('');
}

async function startServer(postgres: string, dataDirectory: string, options: ChildOptions): Promise<Child> {
  let announce = () => {};
  const ready = new Promise<'ready'>((resolve) => {
    announce = () => resolve('ready');
  });
  const onStderrLine = (line: string) => line.includes('ready to accept connections') && announce();
  // If the command is aborted, `stop` ends the server after its clients.
  const { signal: _, ...rest } = options;
  const server = startChild(postgres, ['-D', dataDirectory], { ...rest, whenWeDie: 'QUIT', onStderrLine });
  const outcome = await Promise.race([ready, server.ended, after(START_MS)]);
  if (outcome === 'ready') return server;
  server.kill();
  throw notStarted('postgres', await server.ended);
}

async function stopServer(server: Child): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    server.kill(signal);
    if ((await Promise.race([server.ended, after(STOP_MS)])) !== 'late') return;
  }
}

function after(ms: number): Promise<'late'> {
  return new Promise((resolve) => setTimeout(resolve, ms, 'late').unref());
}

function notStarted(program: string, end: ChildEnd): PotctlError {
  if (end.canceled) return new PotctlError('E_INTERRUPTED', `${program} was interrupted`);
  const why = [end.startError, ...end.stderrTail.slice(-8)].filter((line) => line !== null).join('\n');
  return new PotctlError('E_UNFIT', `cannot start the temporary PostgreSQL server: ${program} failed`, {
    why: why || `exit code ${end.exitCode}, signal ${end.signal}`,
    changed: 'scratch',
    fix: ['Fix the reported problem, then repeat.'],
  });
}
