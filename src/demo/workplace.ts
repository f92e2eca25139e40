import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Cluster, startCluster } from './cluster/cluster.js';
import { obtainBinaries } from './cluster/obtain.js';
import type { TourEvent } from './events.js';
import type { Sandbox } from './sandbox.js';

export const DATABASE = 'threedpot';

export interface WorkplaceRequest {
  /** PATH, HOME, XDG_CACHE_HOME, TMPDIR and proxy variables are used. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly tell: (event: TourEvent) => void;
}

/** A temporary directory with a server and the sandbox for the tour. */
export interface Workplace {
  /** The top directory; everything is below it. */
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly cluster: Cluster;
  /** Stops the server and removes the directory. Safe to call twice. */
  remove(): Promise<void>;
}

/**
 * Creates the directory (in TMPDIR, else /tmp) and starts the server. Leaves nothing behind on failure.
 *
 * @throws PotctlError E_TOOL_MISSING, E_UNFIT, E_INTERRUPTED
 */
export async function openWorkplace(request: WorkplaceRequest): Promise<Workplace> {
  const { environment, signal, tell } = request;
  const binaries = await obtainBinaries({ environment, signal, onNote: (text) => tell({ kind: 'note', text }) });
  const folder = await mkdtemp(path.join(environment['TMPDIR'] || '/tmp', 'potctl-demo-'));
  try {
    const searchPath = `${binaries}:${environment['PATH'] ?? ''}`;
    const settings = { fsync: 'off', full_page_writes: 'off', max_wal_size: '512MB' };
    const cluster = await startCluster({
      directory: folder,
      binaries,
      environment: { PATH: searchPath },
      settings,
      signal,
    });
    const sandbox = await createSandbox({ folder, binaries, searchPath, cluster, signal, tell });
    return { folder, sandbox, cluster, remove: () => remove(folder, cluster) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface SandboxRequest extends Pick<WorkplaceRequest, 'signal' | 'tell'> {
  readonly folder: string;
  readonly binaries: string;
  readonly searchPath: string;
  readonly cluster: Cluster;
}

async function createSandbox(request: SandboxRequest): Promise<Sandbox> {
  const { folder, binaries, searchPath, cluster, signal, tell } = request;
  const [work, home] = [path.join(folder, 'work'), path.join(folder, 'home')];
  await mkdir(work);
  await mkdir(home, { mode: 0o700 });
  // The configuration of the user and of the machine must not affect the tour.
  const configuration = path.join(home, 'config.yaml');
  await writeFile(configuration, '{}\n', { mode: 0o600 });
  const environment = {
    PATH: searchPath,
    HOME: home,
    POTCTL_CONFIG: configuration,
    PGHOST: cluster.host,
    PGPORT: String(cluster.port),
    PGUSER: cluster.user,
    PGDATABASE: DATABASE,
    LC_ALL: 'C.UTF-8',
    // The output for a terminal, although the tour's commands write to a pipe.
    POTCTL_OUTPUT: 'table',
  };
  return { folder: work, binaries, environment, signal, tell };
}

async function remove(folder: string, cluster: Cluster): Promise<void> {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}
