import type { ConnectionSettings } from '../config/libpq/settings.js';

/**
 * A shell line that runs statements with psql on the server of these settings, each on its own. Can be pasted as it is.
 *
 * @param target.user a role with the privileges to run them
 */
export function psqlLine(
  { host, hostaddr, port }: Pick<ConnectionSettings, 'host' | 'hostaddr' | 'port'>,
  target: { readonly database: string; readonly user: string },
  statements: readonly string[],
): string {
  // psql would interpret such a name as a connection string.
  const database = /=|:\/\//.test(target.database)
    ? `dbname='${target.database.replace(/[\\']/g, '\\$&')}'`
    : target.database;
  const words = ['psql', '-h', host || hostaddr || 'localhost', '-p', String(port), '-U', target.user, '-d', database];
  return [...words, ...statements.flatMap((statement) => ['-c', statement])].map(shellWord).join(' ');
}

/** One word quoted for a POSIX shell. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
