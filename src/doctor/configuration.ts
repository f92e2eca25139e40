import type { ConnectionSettings } from '../config/libpq/settings.js';
import type { Settings } from '../config/settings.js';
import type { Check } from '../kernel/check.js';
import { potctl } from '../kernel/next.js';
import { ok, unknown, warn } from './check.js';

/** Checks the configuration file, its mode, and warnings about its contents. */
export function configurationChecks({ configFile, profile, warnings = [] }: Settings): Check[] {
  const where = configFile
    ? `${configFile.path}, ${profile.name ? `profile ${profile.name}` : 'no profile chosen'}`
    : null;
  const results = [ok('configuration', where ?? 'no configuration file; using flags, environment and libpq files')];
  if (configFile && (configFile.mode & 0o077) !== 0) {
    const mode = configFile.mode.toString(8).padStart(4, '0');
    results.push(warn('configuration mode', `${configFile.path} has mode ${mode}`, `chmod 0600 ${configFile.path}`));
  }
  // A password file with a wrong mode is reported by the password check.
  const others = warnings.filter((warning) => !warning.includes(' is ignored: '));
  return [...results, ...others.map((warning) => warn('configuration', warning, potctl('config', 'show', '--origin')))];
}

/** Checks where the password comes from, and what is wrong with the other sources. */
export function passwordCheck(connection: ConnectionSettings, connected: boolean): Check {
  const { passwordSource: source, passwordNotes: notes = [] } = connection;
  const [note] = notes;
  const split = note?.split('; ') ?? [];
  if (source === 'env PGPASSWORD')
    return warn(
      'password',
      `from PGPASSWORD: every process of this user can read it${note === undefined ? '' : `; ${note}`}`,
      `put it into ~/.pgpass (mode 0600): ${pgpassLine(connection)}`,
    );
  if (note !== undefined && (source !== null || note.includes(' is ignored: ') || !connected))
    return warn(
      'password',
      split.slice(0, -1).join('; ') || note,
      split.length > 1 ? (split.at(-1) ?? null) : WHERE_FROM,
    );
  if (source !== null) return ok('password', `from ${source}`);
  if (connected) return ok('password', 'none set; the server does not require one');
  return unknown(
    'password',
    'none set; unknown whether the server requires one',
    `if so, add to ~/.pgpass (mode 0600): ${pgpassLine(connection)}`,
  );
}

const WHERE_FROM = potctl('config', 'show', '--origin');
const pgpassLine = ({ host, port, database, user }: ConnectionSettings): string =>
  `${host.startsWith('/') ? 'localhost' : host}:${port}:${database}:${user}:PASSWORD`;
