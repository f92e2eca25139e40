import type { Session } from '../postgres/server.js';
import type { Application } from './application.js';

/** Somebody whose name is near to what was typed. */
export interface NearName {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
}

/** More are not worth a look: those that share most with what was typed come first. */
const LOOKED_AT = 200;

/**
 * People whose e-mail or user name begins like what was typed, or goes on like it after another first letter. One scan, no index: asked only
 * when nobody fits. Case, blanks and the composition of letters are left to the caller, because databases differ in what they know of them.
 *
 * @param letters with what a name may begin, in each case
 * @returns none where the application knows people by their id alone
 */
export async function findNear(
  session: Session,
  { people: { names } }: Application,
  typed: string,
  letters: readonly string[],
): Promise<NearName[]> {
  if (names === undefined) return [];
  const { table, id, email, username = null } = names;
  const words = [email, username].filter((word) => word !== null);
  const any = (test: (word: string) => string): string =>
    words.map((word) => test(`pg_catalog.btrim(${word})`)).join(' or ');
  const far = words.map((word) => `pg_catalog.abs(pg_catalog.length(${word}) - pg_catalog.length($1))`).join(', ');
  return session.query<NearName>(
    `select ${id}::pg_catalog.text as id, ${email}::pg_catalog.text as email, ${username ?? 'null'}::pg_catalog.text as username
       from ${table}
      where ${any((word) => `pg_catalog.left(${word}, 1) = any ($2)`)} or ${any((word) => AFTER_FIRST(word))}
      order by (${any((word) => `pg_catalog.left(${word}, 3) = pg_catalog.left($1, 3) or ${AFTER_FIRST(word)}`)}) is true desc,
               least(${far}), 1 limit ${LOOKED_AT}`,
    [typed, letters],
  );
}

const AFTER_FIRST = (word: string): string => `pg_catalog.substr(${word}, 2, 3) = pg_catalog.substr($1, 2, 3)`;
