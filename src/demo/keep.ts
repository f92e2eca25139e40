import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../kernel/assets.js';
import { startChild } from '../kernel/child.js';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import { serverUser } from './cluster/system-user.js';
import type { Workplace } from './workplace.js';

/** A demo that keeps running after this process. */
export interface KeptDemo {
  /** The top directory, for {@link stopKept}. */
  readonly folder: string;
  /** Where storage/ and backups/ are. */
  readonly work: string;
  readonly server_pid: number;
  /** Environment variables that a shell needs to use it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Path of this program, in case it is not installed. */
  readonly program: string;
}

const MARKER = 'potctl-demo.json';
const SHOWN = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE'];

/** Restarts the server as an independent process, which outlives this one, and marks the directory for {@link stopKept}. */
export async function keepRunning(workplace: Workplace): Promise<KeptDemo> {
  const { folder, sandbox, cluster } = workplace;
  await writeFile(path.join(folder, MARKER), `${JSON.stringify({ binaries: cluster.binaries })}\n`);
  await cluster.stop();
  const log = path.join(cluster.host, 'server.log');
  await pgCtl(folder, cluster.binaries, ['start', '-w', '-l', log]);
  const [pid] = (await readFile(path.join(cluster.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n');
  const shown = Object.entries(sandbox.environment).filter(([name]) => SHOWN.includes(name));
  const environment = { ...Object.fromEntries(shown), PATH: `${sandbox.binaries}:$PATH` };
  const program = path.join(packageRoot(), 'bin', 'potctl.js');
  return { folder, work: sandbox.folder, server_pid: Number(pid), environment, program };
}

/**
 * Stops the server of a kept demo and removes its directory (an absolute path).
 *
 * @throws PotctlError E_REFUSED if the directory is not a kept demo of this user; E_TOOL_FAILED if the server does not stop
 */
export async function stopKept(folder: string): Promise<void> {
  const binaries = await binariesOf(folder);
  if (binaries === undefined) {
    throw new PotctlError('E_REFUSED', `'${folder}' is not the directory of one of your kept demos`, {
      fix: [
        advice`Give the directory that ${potctl('demo', '--keep')} printed, e.g. ${potctl('demo', '--stop', '/tmp/potctl-demo-a1b2c3')}.`,
      ],
    });
  }
  await pgCtl(folder, binaries, ['stop', '-m', 'fast']);
  await rm(folder, { recursive: true, force: true });
}

/** Reads the marker, if this user wrote it: another user's marker could name a program to run. */
async function binariesOf(folder: string): Promise<string | undefined> {
  const marker = path.join(folder, MARKER);
  try {
    const owners = await Promise.all([stat(folder), stat(marker)]);
    if (owners.some(({ uid }) => uid !== process.getuid?.())) return undefined;
    return (JSON.parse(await readFile(marker, 'utf8')) as { binaries: string }).binaries;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
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
