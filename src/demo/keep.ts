import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../child.js';
import { isErrno, PotctlError } from '../errors.js';
import { serverUser } from './cluster/system-user.js';
import type { Workplace } from './workplace.js';

/** A demo that goes on without us. */
export interface KeptDemo {
  /** The top folder, for {@link stopKept}. */
  readonly folder: string;
  /** Where storage/ and backups/ are. */
  readonly work: string;
  readonly server_pid: number;
  /** What the shell must export to work with it. */
  readonly environment: Readonly<Record<string, string>>;
}

const MARKER = 'potctl-demo.json';
const SHOWN = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE'];

/** Starts the server again as a process of its own, so that it outlives this one, and marks the folder for {@link stopKept}. */
export async function keepRunning(workplace: Workplace): Promise<KeptDemo> {
  const { folder, stage, cluster } = workplace;
  await writeFile(path.join(folder, MARKER), `${JSON.stringify({ binaries: cluster.binaries })}\n`);
  await cluster.stop();
  const log = path.join(cluster.host, 'server.log');
  await pgCtl(folder, cluster.binaries, ['start', '-w', '-l', log]);
  const [pid] = (await readFile(path.join(cluster.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n');
  const shown = Object.entries(stage.environment).filter(([name]) => SHOWN.includes(name));
  const environment = { ...Object.fromEntries(shown), PATH: `${stage.binaries}:$PATH` };
  return { folder, work: stage.folder, server_pid: Number(pid), environment };
}

/**
 * Ends a kept demo: stops its server and removes its folder.
 *
 * @throws PotctlError E_REFUSED when the folder is not one of the demo's; E_TOOL_FAILED when the server does not end
 */
export async function stopKept(folder: string): Promise<void> {
  const marker = await readFile(path.join(folder, MARKER), 'utf8').catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new PotctlError('E_REFUSED', `'${folder}' is not the folder of a kept demo`, {
      why: `it has no ${MARKER}`,
      fix: ['Give the folder that `potctl demo --keep` printed, e.g. /tmp/potctl-demo-….'],
    });
  });
  const { binaries } = JSON.parse(marker) as { binaries: string };
  await pgCtl(folder, binaries, ['stop', '-m', 'fast']);
  await rm(folder, { recursive: true, force: true });
}

async function pgCtl(folder: string, binaries: string, args: readonly string[]): Promise<void> {
  const user = await serverUser();
  const environment = { PATH: `${binaries}:/usr/bin:/bin`, LC_ALL: 'C', LANG: 'C' };
  const end = await startChild(path.join(binaries, 'pg_ctl'), ['-D', path.join(folder, 'data'), ...args], {
    environment,
    cwd: folder,
    stdout: 'ignore',
    ownSession: true,
    ...(user ? { user } : {}),
  }).ended;
  const gone = end.stderrTail.some((line) => line.includes('Is server running?'));
  if (end.ok || (gone && args[0] === 'stop')) return;
  throw new PotctlError('E_TOOL_FAILED', `pg_ctl ${args[0]} failed`, { why: end.stderrTail.join('\n') });
}
