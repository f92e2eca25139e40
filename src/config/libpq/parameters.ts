import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { PotctlError } from '../../kernel/errors.js';
import { fromHere } from '../paths.js';
import { type Given, LIBPQ_KEYWORDS, type Parameters } from './keywords.js';
import { readService, SYSTEM_DIRECTORIES } from './service-file.js';
import type { ConnectionSettings } from './settings.js';

/** The input for libpq's rules. */
export interface ConnectionSources {
  /** From flags, the profile or a URL; keywords as libpq spells them. They outrank service file and environment. */
  readonly explicit: Parameters;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Name of the operating system's user, libpq's default for the role. */
  readonly userName: string;
  /** For relative certificate paths. */
  readonly cwd: string;
  /** Where system-wide service files may be, if PGSYSCONFDIR is not set. */
  readonly systemDirectories?: readonly string[];
}

/** A connection without its password, and the parameters that determined it (for origins and the password search). */
export interface ResolvedConnection {
  readonly target: Omit<ConnectionSettings, 'password' | 'passwordSource' | 'fetchPassword' | 'passwordNotes'>;
  readonly parameters: Parameters;
}

const SSLMODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const DEFAULT_CONNECT_TIMEOUT_S = 10;

/** The Unix socket directory that libpq uses without a host: Debian's if it exists, otherwise upstream's. */
export const defaultSocketDirectory = (): string =>
  existsSync('/var/run/postgresql') ? '/var/run/postgresql' : '/tmp';

/**
 * Resolves a connection as libpq would: explicit value > service file > environment > default, for each keyword.
 * Unlike libpq, it waits 10 s for a connection if no timeout is given, and refuses what it does not support (several hosts,
 * `requirepeer`, …) instead of ignoring it.
 *
 * @throws PotctlError E_CONFIG with the value and its origin
 */
export async function resolveConnection(sources: ConnectionSources): Promise<ResolvedConnection> {
  const parameters = await collect(sources);
  refuseUnsupported(parameters);
  const text = (keyword: string): string | null => parameters.get(keyword)?.value || null;
  const file = (keyword: string): string | null => absolute(text(keyword), sources);
  const user = text('user') ?? sources.userName;
  const hostaddr = readAddress(parameters);
  const sslrootcert = text('sslrootcert') === 'system' ? 'system' : file('sslrootcert');
  const target = {
    host: text('host') ?? hostaddr ?? defaultSocketDirectory(),
    hostaddr,
    port: readPort(parameters),
    user,
    database: text('dbname') ?? user,
    sslmode: readSslmode(parameters),
    sslrootcert: sslrootcert ?? personal(sources, 'root.crt'),
    sslcert: file('sslcert') ?? personal(sources, 'postgresql.crt'),
    sslkey: file('sslkey') ?? personal(sources, 'postgresql.key'),
    options: text('options'),
    connectTimeoutS: readTimeout(parameters),
    service: text('service'),
  };
  return { target, parameters };
}

async function collect(sources: ConnectionSources): Promise<Map<string, Given>> {
  const { explicit, environment, homeDirectory } = sources;
  const found = new Map([...explicit].filter(([, given]) => given.value !== ''));
  const fromEnvironment = (keyword: string): Given | undefined => {
    const variable = LIBPQ_KEYWORDS[keyword]?.variable;
    const value = variable === undefined ? undefined : environment[variable];
    return value === undefined || value === '' ? undefined : { value, from: `env ${variable}` };
  };
  const service = found.get('service') ?? fromEnvironment('service');
  if (service !== undefined) {
    const directory = environment['PGSYSCONFDIR'];
    const defined = await readService(service, {
      named: found.get('servicefile') ?? fromEnvironment('servicefile'),
      homeDirectory,
      systemDirectories: directory ? [directory] : (sources.systemDirectories ?? SYSTEM_DIRECTORIES),
    });
    for (const [keyword, given] of defined) if (!found.has(keyword)) found.set(keyword, given);
  }
  for (const keyword of Object.keys(LIBPQ_KEYWORDS)) {
    const given = fromEnvironment(keyword);
    if (given !== undefined && !found.has(keyword)) found.set(keyword, given);
  }
  if (!found.has('sslmode') && environment['PGREQUIRESSL']?.startsWith('1'))
    found.set('sslmode', { value: 'require', from: 'env PGREQUIRESSL' });
  return found;
}

function refuseUnsupported(parameters: Parameters): void {
  for (const keyword of ['host', 'hostaddr', 'port']) {
    const given = parameters.get(keyword);
    if (given?.value.includes(','))
      throw misplaced(given, `${keyword} names several servers`, [
        'name one server: backup and restore must know which server they use',
      ]);
  }
  for (const [keyword, given] of parameters) {
    const treatment = LIBPQ_KEYWORDS[keyword]?.treatment;
    if (!Array.isArray(treatment) || treatment.includes(given.value) || given.value === '') continue;
    throw misplaced(given, `${keyword} is set, but potctl does not support it`, [
      treatment.length === 0 ? `remove ${keyword}` : `remove ${keyword}, or set it to ${treatment.join(' or ')}`,
    ]);
  }
  const host = parameters.get('host');
  if (host?.value.startsWith('@'))
    throw misplaced(host, 'abstract Unix sockets are not supported', [
      'use the directory of the socket, or a host name',
    ]);
  const hostaddr = parameters.get('hostaddr');
  // libpq would connect to the address but show the name: a restore could change another server than the one on the screen.
  if (host && hostaddr?.from === 'env PGHOSTADDR' && host.from !== 'env PGHOST')
    throw misplaced(hostaddr, `PGHOSTADDR would redirect '${host.value}' (from ${host.from}) to another address`, [
      'unset PGHOSTADDR',
    ]);
}

function readPort(parameters: Parameters): number {
  const given = parameters.get('port');
  if (given === undefined || given.value === '') return 5432;
  const port = integer(given, 'port');
  if (port >= 1 && port <= 65_535) return port;
  throw misplaced(given, `the port '${given.value}' is not between 1 and 65535`);
}

function readTimeout(parameters: Parameters): number {
  const given = parameters.get('connect_timeout');
  if (given === undefined || given.value === '') return DEFAULT_CONNECT_TIMEOUT_S;
  const seconds = integer(given, 'connect_timeout');
  if (seconds <= 0) return 0;
  return Math.max(2, seconds); // libpq rounds 1 up: it counts in whole seconds
}

function integer(given: Given, keyword: string): number {
  if (/^\s*[+-]?\d+\s*$/.test(given.value)) return Number(given.value);
  throw misplaced(given, `${keyword} '${given.value}' is not a whole number`);
}

function readAddress(parameters: Parameters): string | null {
  const given = parameters.get('hostaddr');
  if (given === undefined || given.value === '') return null;
  if (isIP(given.value) !== 0) return given.value;
  throw misplaced(given, `hostaddr '${given.value}' is not an IP address`, ['use host (PGHOST) for a host name']);
}

function readSslmode(parameters: Parameters): ConnectionSettings['sslmode'] {
  const given = parameters.get('sslmode');
  const system = parameters.get('sslrootcert')?.value === 'system';
  const mode = given === undefined ? (system ? 'verify-full' : 'prefer') : SSLMODES.find((one) => one === given.value);
  if (given !== undefined && mode === undefined)
    throw misplaced(given, `sslmode '${given.value}' is invalid`, [`use one of ${SSLMODES.join(', ')}`]);
  if (given !== undefined && system && mode !== 'verify-full')
    throw misplaced(given, `sslmode '${given.value}' is too weak for sslrootcert=system`, [
      'set sslmode to verify-full',
    ]);
  return mode ?? 'prefer';
}

/** The current directory may have been deleted. */
function absolute(file: string | null, sources: ConnectionSources): string | null {
  return file === null ? null : fromHere(file, sources);
}

function personal({ homeDirectory }: ConnectionSources, name: string): string | null {
  const file = path.join(homeDirectory, '.postgresql', name);
  return existsSync(file) ? file : null;
}

function misplaced(given: Given, message: string, fix?: readonly string[]): PotctlError {
  return new PotctlError('E_CONFIG', message, { why: { from: given.from }, fix: fix ?? [`correct ${given.from}`] });
}
