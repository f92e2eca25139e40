import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../../kernel/child.js';
import { PotctlError } from '../../kernel/errors.js';
import { fetchDebianPackages } from './apt.js';
import { findBinaries, isComplete } from './binaries.js';

export interface ObtainRequest {
  /** PATH, HOME, XDG_CACHE_HOME and proxy variables are used. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called with progress messages, e.g. about a download. */
  readonly onNote: (text: string) => void;
  readonly signal?: AbortSignal;
}

const INSTALL_LINES = [
  'Debian, Ubuntu: `sudo apt install postgresql` (this also starts a server)',
  'Fedora, RHEL: `sudo dnf install postgresql-server postgresql-contrib`',
  'Alpine: `apk add postgresql postgresql-client`',
  'macOS: `brew install postgresql@17`',
];

/**
 * Returns a directory with PostgreSQL server and client programs: the installed ones; else those that an earlier call unpacked into
 * `$XDG_CACHE_HOME/potctl/postgresql`; else Debian's packages, downloaded and unpacked there. Installs nothing and does not need root.
 *
 * @throws PotctlError E_TOOL_MISSING with the command for each package manager; E_INTERRUPTED after `signal`
 */
export async function obtainBinaries(request: ObtainRequest): Promise<string> {
  const { environment } = request;
  const installed = await findBinaries(environment['PATH']);
  if (installed) return installed;
  const cache = cacheFolder(environment);
  const cached = await findCached(cache, childEnvironment(environment));
  if (cached) return cached;
  request.onNote(
    'PostgreSQL is not installed: downloading its packages (about 30 MB, only once; nothing is installed)',
  );
  try {
    const fetched = await fetchDebianPackages({ ...request, cache, environment: childEnvironment(environment) });
    request.onNote(`PostgreSQL was unpacked to ${path.dirname(fetched)}`);
    return fetched;
  } catch (error) {
    if (request.signal?.aborted) throw new PotctlError('E_INTERRUPTED', 'the download of PostgreSQL was interrupted');
    throw missing(error);
  }
}

function cacheFolder(environment: ObtainRequest['environment']): string {
  const { HOME = '/', XDG_CACHE_HOME } = environment;
  const base = XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(HOME, '.cache');
  return path.join(base, 'potctl', 'postgresql');
}

function childEnvironment(environment: ObtainRequest['environment']): Record<string, string> {
  const wanted = /^(PATH|HOME|(https?|ftp|no)_proxy|SSL_CERT_(FILE|DIR))$/i;
  const entries = Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(entries.filter(([name]) => wanted.test(name))), LC_ALL: 'C' };
}

async function findCached(cache: string, environment: Record<string, string>): Promise<string | undefined> {
  const versions = (await readdir(cache).catch(() => [])).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const version of versions) {
    const folder = path.join(cache, version, 'bin');
    // An upgrade of the distribution can remove a library that the unpacked programs need.
    if (isComplete(folder) && (await runs(path.join(folder, 'postgres'), environment))) return folder;
  }
  return undefined;
}

async function runs(program: string, environment: Record<string, string>): Promise<boolean> {
  return (await startChild(program, ['--version'], { environment, stdout: 'ignore' }).ended).ok;
}

function missing(cause: unknown): PotctlError {
  return new PotctlError('E_TOOL_MISSING', 'PostgreSQL is not installed, and its packages could not be downloaded', {
    why: cause instanceof Error ? cause.message : String(cause),
    fix: INSTALL_LINES,
    cause,
  });
}
