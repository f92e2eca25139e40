import { PotctlError } from '../kernel/errors.js';
import { findPassword } from './credentials.js';
import { isConnectionUrl, parseConnectionUrl } from './libpq/connection-url.js';
import type { Given, Parameters } from './libpq/keywords.js';
import { type ResolvedConnection, resolveConnection } from './libpq/parameters.js';
import type { ConnectionSettings } from './libpq/settings.js';
import { AS_THE_USER, type Origins } from './origins.js';
import { withHome } from './paths.js';
import type { ChosenProfile } from './profile.js';
import type { SettingsRequest } from './request.js';

/** The connection settings, and warnings about how they were chosen. */
export interface Connection {
  readonly settings: ConnectionSettings;
  readonly warnings: readonly string[];
}

/** Variables that choose the server: if one of them is set, DATABASE_URL is ignored. */
const PLACE_VARIABLES = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGSERVICE', 'PGDATABASE'];
/** Keys in the profile that libpq spells differently, or that are paths. */
const SPELLING: Readonly<Record<string, string>> = { name: 'dbname' };
const PATHS = ['sslrootcert', 'sslcert', 'sslkey', 'passfile'];
const NOT_LIBPQ = ['url', 'password_file', 'password_command', 'expect'];

/**
 * Resolves the connection of a profile, or of the environment if there is no profile.
 *
 * @throws PotctlError E_CONFIG with the value and its origin
 */
export async function findConnection(
  request: SettingsRequest,
  profile: ChosenProfile,
  origins: Origins,
): Promise<Connection> {
  const { environment, homeDirectory, userName } = request;
  const { explicit, warnings } = explicitParameters(request, profile);
  const resolved = await resolveConnection({
    ...{ explicit, environment, homeDirectory, userName },
    get cwd() {
      return request.cwd;
    },
  });
  const found = await findPassword({ request, profile, explicit, resolved });
  recordOrigins(resolved, origins);
  if (found.shown !== null) origins.add('database.password', found.shown, found.source ?? 'default');
  const { password, source: passwordSource, notes: passwordNotes, fetch } = found;
  const settings = { ...resolved.target, password, passwordSource, passwordNotes };
  return {
    settings: fetch === undefined ? settings : { ...settings, fetchPassword: fetch },
    warnings: [...warnings, ...passwordNotes.filter((note) => note.includes(' is ignored: '))],
  };
}

/** Values that outrank the service file and the environment: from flags and profile, or from DATABASE_URL without a profile. */
export function explicitParameters(
  request: SettingsRequest,
  profile: ChosenProfile,
): { explicit: Parameters; warnings: string[] } {
  const { flags, environment } = request;
  const explicit = new Map<string, Given>();
  const warnings: string[] = [];
  const database = profile.values.database ?? {};
  for (const [key, value] of Object.entries(database)) {
    if (NOT_LIBPQ.includes(key) || value === undefined) continue;
    const text = PATHS.includes(key) ? withHome(String(value), request.homeDirectory) : String(value);
    explicit.set(SPELLING[key] ?? key, { value: text, from: profile.where('database', key) });
  }
  if (database.url !== undefined) addUrl(explicit, database.url, profile.where('database', 'url'));
  const url = environment['DATABASE_URL'];
  if (url && profile.name === null) {
    const stronger = PLACE_VARIABLES.filter((name) => environment[name]);
    if (stronger.length === 0) addUrl(explicit, url, 'env DATABASE_URL');
    else warnings.push(`DATABASE_URL is not used, because ${stronger.join(' and ')} is set`);
  }
  if (flags.database !== undefined) {
    if (isConnectionUrl(flags.database))
      throw new PotctlError('E_USAGE', '--database expects the name of a database, not a URL', {
        why: 'a URL on the command line shows its password to everybody on this machine',
        fix: ['set DATABASE_URL to the URL, or host and user into a profile'],
      });
    explicit.set('dbname', { value: flags.database, from: 'flag --database' });
  }
  return { explicit, warnings };
}

function addUrl(explicit: Map<string, Given>, url: string, from: string): void {
  for (const [keyword, value] of parseConnectionUrl(url, from)) explicit.set(keyword, { value, from });
}

function recordOrigins({ target, parameters }: ResolvedConnection, origins: Origins): void {
  const from = (keyword: string): string => parameters.get(keyword)?.from ?? 'default';
  if (target.service !== null) origins.add('database.service', target.service, from('service'));
  origins.add('database.host', target.host, from(parameters.has('host') ? 'host' : 'hostaddr'));
  if (target.hostaddr !== null) origins.add('database.hostaddr', target.hostaddr, from('hostaddr'));
  origins.add('database.port', String(target.port), from('port'));
  origins.add(
    'database.name',
    target.database,
    parameters.has('dbname') ? from('dbname') : `${from('user')}${AS_THE_USER}`,
  );
  origins.add('database.user', target.user, parameters.has('user') ? from('user') : 'operating system');
  origins.add('database.sslmode', target.sslmode, from('sslmode'));
  for (const keyword of ['sslrootcert', 'sslcert', 'sslkey', 'options'] as const) {
    const value = target[keyword];
    if (value !== null)
      origins.add(`database.${keyword}`, value, parameters.has(keyword) ? from(keyword) : 'found in ~/.postgresql');
  }
  origins.add('database.connect_timeout', `${target.connectTimeoutS} s`, from('connect_timeout'));
}
