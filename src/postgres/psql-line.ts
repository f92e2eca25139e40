import type { ConnectionSettings } from '../config/libpq/settings.js';

/**
 * A shell line that runs statements with psql on the server of these settings, each by itself. It can be pasted as it is.
 *
 * @param user who may do it
 */
export function psqlLine(
  { host, hostaddr, port }: Pick<ConnectionSettings, 'host' | 'hostaddr' | 'port'>,
  target: { readonly database: string; readonly user: string },
  statements: readonly string[],
): string {
  // psql would take such a name for a whole connection string.
  const database = /=|:\/\//.test(target.database)
    ? `dbname='${target.database.replace(/[\\']/g, '\\$&')}'`
    : target.database;
  const words = ['psql', '-h', host || hostaddr || 'localhost', '-p', String(port), '-U', target.user, '-d', database];
  return [...words, ...statements.flatMap((statement) => ['-c', statement])].map(shellWord).join(' ');
}

/** One word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
