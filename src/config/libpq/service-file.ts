import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isErrno, PotctlError } from '../../kernel/errors.js';
import { type Given, LIBPQ_KEYWORDS } from './keywords.js';

/** Where service files are searched for. */
export interface ServicePlaces {
  /** PGSERVICEFILE. */
  readonly named: Given | undefined;
  readonly homeDirectory: string;
  /** PGSYSCONFDIR, otherwise the directories that distributions build into libpq. */
  readonly systemDirectories: readonly string[];
}

/** The directories that packages build into libpq: Debian, Red Hat, upstream. The first one with a file wins. */
export const SYSTEM_DIRECTORIES: readonly string[] = [
  '/etc/postgresql-common',
  '/etc/sysconfig/pgsql',
  '/usr/local/pgsql/etc',
];

/**
 * Finds a service's settings: first in the named or personal file, then in the system's. As in libpq, the first group with that name
 * wins, the first value of a keyword wins, and spaces around `=` are an error.
 *
 * @throws PotctlError E_CONFIG if no file defines the service, the named file is missing, or a line is malformed
 * @see PostgreSQL 15, fe-connect.c, parseServiceInfo and parseServiceFile
 */
export async function readService(service: Given, places: ServicePlaces): Promise<Map<string, Given>> {
  const looked: string[] = [];
  const names: string[] = [];
  for (const file of candidates(places)) {
    const text = await readIfThere(file, file === places.named?.value);
    if (text === null) continue;
    looked.push(file);
    const found = parseServiceFile(text, file, service.value, names);
    if (found !== null) return found;
    if (file !== candidates(places)[0]) break;
  }
  throw new PotctlError('E_CONFIG', `the service '${service.value}' is not defined`, {
    why: {
      from: service.from,
      looked_in: looked.length === 0 ? `none of ${candidates(places).join(', ')} exists` : looked.join(', '),
      services: names.length === 0 ? 'none' : [...new Set(names)].join(', '),
    },
    fix: [`add a group [${service.value}] to ${looked[0] ?? path.join(places.homeDirectory, '.pg_service.conf')}`],
  });
}

function candidates({ named, homeDirectory, systemDirectories }: ServicePlaces): string[] {
  return [
    named?.value ?? path.join(homeDirectory, '.pg_service.conf'),
    ...systemDirectories.map((directory) => path.join(directory, 'pg_service.conf')),
  ];
}

async function readIfThere(file: string, required: boolean): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (!required && isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    const why = error instanceof Error ? error.message : String(error);
    throw new PotctlError('E_CONFIG', `cannot read the service file '${file}'`, {
      why,
      fix: [required ? 'correct PGSERVICEFILE, or unset it' : `make ${file} readable for this user`],
      cause: error,
    });
  }
}

/** The settings of the group, or null; collects the names of the other groups in `names`. */
function parseServiceFile(text: string, file: string, service: string, names: string[]): Map<string, Given> | null {
  let found: Map<string, Given> | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (found !== null) break;
      const name = line.slice(1).replace(/\].*$/, '');
      names.push(name);
      if (line.startsWith(`[${service}]`)) found = new Map();
      continue;
    }
    if (found === null) continue;
    const [keyword, value] = readSetting(line, file, index + 1);
    if (!found.has(keyword)) found.set(keyword, { value, from: `${file}:${index + 1}` });
  }
  return found;
}

function readSetting(line: string, file: string, number: number): [keyword: string, value: string] {
  const fail = (why: string): never => {
    throw new PotctlError('E_CONFIG', `the service file has an error at ${file}:${number}`, {
      why,
      fix: [`fix line ${number} of ${file}`],
    });
  };
  if (line.startsWith('ldap')) fail('services from LDAP are not supported: write the settings in the file');
  const equals = line.indexOf('=');
  if (equals < 0) fail("it does not have the form keyword=value, without spaces around '='");
  const keyword = line.slice(0, equals);
  if (keyword === 'service' || keyword === 'servicefile') fail('a service cannot refer to another one');
  if (keyword !== keyword.trimEnd()) fail(`libpq does not allow a space before '=' (after '${keyword.trimEnd()}')`);
  if (!(keyword in LIBPQ_KEYWORDS)) fail(`libpq has no keyword '${keyword}'`);
  return [keyword, line.slice(equals + 1)];
}
