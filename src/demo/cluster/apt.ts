import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { startChild } from '../../kernel/child.js';

export interface FetchRequest {
  /** Directory with one subdirectory per version; created if missing. */
  readonly cache: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A package that apt would install: `name` without version and architecture, `version` as in file names (an epoch's colon is `%3a`). */
export interface Package {
  readonly name: string;
  readonly version: string;
}

/** LLVM is only needed by the just-in-time compiler, which is off; the Perl wrappers and locales are not used. */
const NEEDED = /^(postgresql(-client)?-\d+|lib(?!llvm|z3|c-l10n).*(?<!-perl))$/;

/**
 * Downloads Debian's PostgreSQL and its missing dependencies, verified by apt's signatures, and unpacks them below `cache`, atomically.
 * Package lists and downloads go to a temporary directory, so that root is not needed and the system's apt is not affected. Returns the
 * directory with the programs, which can be called from anywhere.
 *
 * Throws an Error with the last lines of apt or dpkg if something is missing or fails.
 */
export async function fetchDebianPackages(request: FetchRequest): Promise<string> {
  await mkdir(request.cache, { recursive: true });
  const work = await mkdtemp(path.join(request.cache, '.fetching-'));
  try {
    const apt = await prepareApt(work, request);
    await apt(['update']);
    const packages = parseUris(
      await apt(['install', '--print-uris', '-qq', '--no-install-recommends', '-y', 'postgresql']),
    );
    const server = packages.find(({ name }) => /^postgresql-\d+$/.test(name));
    if (!server) throw new Error('apt has no package of the PostgreSQL server');
    const names = packages.map(({ name }) => name).filter((name) => NEEDED.test(name));
    await apt(['download', ...names]);
    const tree = path.join(work, 'tree');
    await unpack(work, tree, request);
    // Each download gets its own directory: another server may be running from an older one.
    const target = path.join(request.cache, `${server.version}${path.basename(work).replace('.fetching', '')}`);
    await rename(tree, target);
    return path.join(target, 'bin');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Reads the lines `'URI' name_version_arch.deb size hash` of `apt-get install --print-uris`. */
export function parseUris(printed: string): Package[] {
  const lines = printed.matchAll(/^'[^']+' ([^_ ]+)_([^_ ]+)_[^_ ]+\.deb /gm);
  return [...lines].map(([, name = '', version = '']) => ({ name, version }));
}

type Apt = (args: readonly string[]) => Promise<string>;

async function prepareApt(work: string, request: FetchRequest): Promise<Apt> {
  const [lists, cache] = [path.join(work, 'lists'), path.join(work, 'apt-cache')];
  await mkdir(path.join(lists, 'partial'), { recursive: true });
  await mkdir(path.join(cache, 'archives', 'partial'), { recursive: true });
  const options = {
    'Dir::State::Lists': lists,
    'Dir::Cache': cache,
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': '',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    'Acquire::Languages': 'none',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return (args) => run('apt-get', [...flags, ...args], { ...request, cwd: work });
}

async function unpack(work: string, tree: string, request: FetchRequest): Promise<void> {
  await mkdir(tree);
  const archives = (await readdir(work)).filter((name) => name.endsWith('.deb'));
  for (const archive of archives) await run('dpkg', ['-x', archive, tree], { ...request, cwd: work });
  for (const unused of ['doc', 'man', 'locale', 'lintian']) {
    await rm(path.join(tree, 'usr/share', unused), { recursive: true, force: true });
  }
  await writeWrappers(tree);
}

/** Writes wrappers that set LD_LIBRARY_PATH, which the unpacked programs need to find their libraries. */
async function writeWrappers(tree: string): Promise<void> {
  const [version = ''] = await readdir(path.join(tree, 'usr/lib/postgresql'));
  const programs = await readdir(path.join(tree, 'usr/lib/postgresql', version, 'bin'));
  const libraries = await libraryFolders(tree);
  await mkdir(path.join(tree, 'bin'));
  for (const program of programs) {
    const wrapper = path.join(tree, 'bin', program);
    await writeFile(wrapper, wrapperText(`usr/lib/postgresql/${version}/bin/${program}`, libraries));
    await chmod(wrapper, 0o755);
  }
}

function wrapperText(program: string, libraries: readonly string[]): string {
  const folders = libraries.map((folder) => `$top/${folder}`).join(':');
  return `#!/bin/sh
self=$(readlink -f "$0")
top=\${self%/*/*}
export LD_LIBRARY_PATH="${folders}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$top/${program}" "$@"
`;
}

async function libraryFolders(tree: string): Promise<string[]> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  const folders = entries
    .filter((entry) => /\.so(\.\d+)*$/.test(entry.name))
    .map((entry) => path.relative(tree, entry.parentPath))
    .filter((folder) => /^(usr\/)?lib\/[^/]+$|^(usr\/)?lib$/.test(folder) && !folder.startsWith('usr/lib/postgresql'));
  return [...new Set(folders)];
}

async function run(program: string, args: readonly string[], request: FetchRequest & { cwd: string }): Promise<string> {
  const { environment, cwd, signal } = request;
  const child = startChild(program, args, { environment, cwd, ...(signal ? { signal } : {}) });
  const [output, end] = await Promise.all([text(child.stdout), child.ended]);
  if (end.ok) return output;
  throw new Error(`${program}: ${end.startError ?? end.stderrTail.slice(-4).join('\n')}`);
}
