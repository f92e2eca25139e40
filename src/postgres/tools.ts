import { access, constants, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { startChild } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';
import type { ToolName } from './server.js';

/** A PostgreSQL tool that was found, with its version. */
export interface Tool {
  readonly path: string;
  readonly version: string;
  readonly major: number;
}

export interface ToolSearch {
  /** The children's environment. POTCTL_PG_BINDIR in it (folders separated by `:`) replaces all others; PATH is searched last. */
  readonly environment: Readonly<Record<string, string>>;
  /** Overrides the known directories and PATH. */
  readonly directories?: readonly string[];
}

/** `*` matches one path segment or a part of it. */
const KNOWN_DIRECTORIES = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/opt/homebrew/opt/libpq/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/usr/local/opt/libpq/bin',
  '/usr/local/pgsql/bin',
];

/**
 * Finds all installed versions of a tool, newest first; of pg_dump where all tools of a run should come from one directory.
 * Skips Debian's pg_wrapper: which version it starts depends on the server's clusters.
 */
export async function findTools(search: ToolSearch, name: ToolName = 'pg_dump'): Promise<Tool[]> {
  const directories = search.directories ??
    named(search.environment) ?? [
      ...(await knownDirectories()),
      ...(search.environment['PATH'] ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry)),
    ];
  const found: Tool[] = [];
  for (const directory of new Set(directories)) {
    const tool = await toolAt(path.join(directory, name), search.environment);
    if (tool) found.push(tool);
  }
  return found.sort((one, other) => other.major - one.major || compareVersions(other.version, one.version));
}

/** The newest tool with that name, for work without a server; undefined if none is installed. */
export async function newestTool(name: ToolName, search: ToolSearch): Promise<Tool | undefined> {
  return (await findTools(search, name))[0];
}

/**
 * The newest tool that works with a server of that major version: tools read older servers, never newer ones.
 *
 * @throws E_TOOL_MISSING if none is installed, E_TOOL_OLD if all are older; both list what was found
 */
export async function chooseTool(
  name: ToolName,
  minimumMajor: number,
  found: readonly Tool[],
  search: ToolSearch,
): Promise<Tool> {
  if (found.length === 0) throw missing(name, search);
  const fit = found.filter(({ major }) => major >= minimumMajor);
  if (fit.length === 0) throw tooOld(name, minimumMajor, found);
  for (const dump of fit) {
    if (name === 'pg_dump') return dump;
    const tool = await companionOf(dump, name, search.environment);
    if (tool) return tool;
  }
  throw missing(name, search);
}

function named({ POTCTL_PG_BINDIR: folders }: ToolSearch['environment']): string[] | undefined {
  return folders ? folders.split(path.delimiter) : undefined;
}

/** Tools next to pg_dump in a package's directory have its version: asking each one costs a tenth of a second. */
async function companionOf(
  dump: Tool,
  name: ToolName,
  environment: ToolSearch['environment'],
): Promise<Tool | undefined> {
  const file = path.join(path.dirname(dump.path), name);
  const folders = [await executableAt(file), await executableAt(dump.path)].map((real) => real && path.dirname(real));
  const [folder] = folders;
  if (folder === undefined || folder !== folders[1] || !isOfPackage(folder)) return toolAt(file, environment);
  return { ...dump, path: file };
}

const isOfPackage = (folder: string): boolean =>
  KNOWN_DIRECTORIES.some((pattern) => new RegExp(`^${pattern.replaceAll('*', '[^/]*')}$`).test(folder));

/** The real path; undefined for a file that is not executable, and for Debian's wrapper. */
async function executableAt(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.X_OK);
    const real = await realpath(file);
    return path.basename(real) === 'pg_wrapper' ? undefined : real;
  } catch {
    return undefined;
  }
}

async function toolAt(file: string, environment: ToolSearch['environment']): Promise<Tool | undefined> {
  if ((await executableAt(file)) === undefined) return undefined;
  const child = startChild(file, ['--version'], { environment: { ...environment, LC_ALL: 'C' } });
  const [line, end] = await Promise.all([text(child.stdout), child.ended]);
  const match = /\(PostgreSQL\) ((\d+)\S*)/.exec(line);
  return end.ok && match ? { path: file, version: match[1]!, major: Number(match[2]) } : undefined;
}

async function knownDirectories(): Promise<string[]> {
  const expanded = await Promise.all(KNOWN_DIRECTORIES.map((pattern) => expand('/', pattern.split('/').slice(1))));
  return expanded.flat();
}

async function expand(root: string, [segment, ...rest]: readonly string[]): Promise<string[]> {
  if (segment === undefined) return [root];
  if (!segment.includes('*')) return expand(path.join(root, segment), rest);
  const [before, after] = segment.split('*') as [string, string];
  const names = await readdir(root).catch((): string[] => []);
  const fit = names.filter((name) => name.startsWith(before) && name.endsWith(after));
  return (await Promise.all(fit.map((name) => expand(path.join(root, name), rest)))).flat();
}

function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function missing(name: ToolName, search: ToolSearch): PotctlError {
  return new PotctlError('E_TOOL_MISSING', `'${name}' is not installed or cannot be run`, {
    why: `searched ${(search.directories ?? named(search.environment) ?? [...KNOWN_DIRECTORIES, 'PATH']).join(', ')}`,
    fix: [
      ...(named(search.environment) ? ['Correct or unset POTCTL_PG_BINDIR: it replaces all other locations.'] : []),
      'Debian, Ubuntu: `apt install postgresql-client`',
      'Fedora, RHEL: `dnf install postgresql` · Alpine: `apk add postgresql-client` · macOS: `brew install libpq`',
    ],
  });
}

function tooOld(name: ToolName, minimumMajor: number, found: readonly Tool[]): PotctlError {
  const list = found.map(({ path: file, version }) => `${version} in ${path.dirname(file)}`).join(', ');
  return new PotctlError(
    'E_TOOL_OLD',
    `the server is PostgreSQL ${minimumMajor}, and every installed '${name}' is older`,
    {
      why: `found ${list}`,
      fix: [`Debian, Ubuntu: \`apt install postgresql-client-${minimumMajor}\` (packages of apt.postgresql.org)`],
    },
  );
}
