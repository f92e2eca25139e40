import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { openServer } from '../postgres/open.js';
import type { Server } from '../postgres/server.js';
import { startCluster } from './cluster/cluster.js';
import { obtainBinaries } from './cluster/obtain.js';

/** A private PostgreSQL server that is removed when it is closed. */
export interface ThrowAwayServer {
  /** Its superuser. */
  readonly owner: string;
  /** Opens its database `postgres` as that role; does not connect yet. */
  server(role: string): Server;
  /** Closes open connections, stops the server and removes its directory. */
  close(): Promise<void>;
}

export interface ThrowAwayRequest {
  /** Part of its directory's name. */
  readonly name: string;
  /** Called with progress messages. */
  readonly note: (text: string) => void;
  /** PATH, TMPDIR and the cache directory. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const UNSAFE_BUT_FAST = { fsync: 'off', full_page_writes: 'off' };

/** Starts a server in a temporary directory. @throws E_TOOL_MISSING, E_UNFIT */
export async function startThrowAway(request: ThrowAwayRequest): Promise<ThrowAwayServer> {
  const { name, note, environment, childEnvironment, signal } = request;
  const binaries = await obtainBinaries({ environment, signal, onNote: note });
  const folder = await mkdtemp(path.join(environment['TMPDIR'] || '/tmp', `potctl-${name}-`));
  const cleanUp: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  };
  try {
    const settings = { directory: folder, binaries, environment: childEnvironment, settings: UNSAFE_BUT_FAST, signal };
    const cluster = await startCluster(settings);
    cleanUp.push(() => cluster.stop());
    return {
      owner: cluster.user,
      server(role) {
        const opened = openServer(settingsOf(cluster, role), {
          environment: childEnvironment,
          runtimeDirectory: path.join(folder, 'run'),
          signal,
        });
        cleanUp.push(() => opened.close());
        return opened;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function settingsOf({ host, port }: { readonly host: string; readonly port: number }, user: string) {
  const plain = { hostaddr: null, sslmode: 'prefer', sslrootcert: null, sslcert: null, sslkey: null } as const;
  const nothing = { password: null, passwordSource: null, options: null, service: null };
  return { host, port, user, database: 'postgres', connectTimeoutS: 10, ...plain, ...nothing };
}
