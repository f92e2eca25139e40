import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** Directories of each PostgreSQL version; `%` is the version. */
const VERSIONED = [
  '/usr/lib/postgresql/%/bin',
  '/usr/pgsql-%/bin',
  '/opt/homebrew/opt/postgresql@%/bin',
  '/usr/local/opt/postgresql@%/bin',
];
const PLAIN = ['/opt/homebrew/bin', '/usr/local/bin', '/usr/libexec/postgresql', '/usr/bin'];

/** Programs that the demo and the tests need. */
const PROGRAMS = ['initdb', 'postgres', 'pg_ctl', 'psql', 'pg_dump', 'pg_dumpall', 'pg_restore'];

/**
 * Returns the directory of the newest complete PostgreSQL (server and client) on this machine; undefined = none. `searchPath` is PATH.
 */
export async function findBinaries(searchPath = ''): Promise<string | undefined> {
  const versioned = (await Promise.all(VERSIONED.map(newestFirst))).flat();
  return [...versioned, ...searchPath.split(':').filter(path.isAbsolute), ...PLAIN].find(isComplete);
}

/** Returns whether the directory has every program that a temporary server needs. */
export function isComplete(folder: string): boolean {
  return PROGRAMS.every((program) => existsSync(path.join(folder, program)));
}

async function newestFirst(pattern: string): Promise<string[]> {
  const [before = '', after = ''] = pattern.split('%');
  const above = path.dirname(`${before}x`);
  const prefix = before.slice(above.length + 1);
  const names = await readdir(above).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
    .map((version) => `${before}${version}${after}`);
}
