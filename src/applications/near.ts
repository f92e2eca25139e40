import type { Session } from '../postgres/server.js';
import type { Application } from './application.js';

/** A user whose name is similar to what was typed. */
export interface NearName {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
}

/** Maximum number of candidates, most similar first. */
const LOOKED_AT = 200;

/**
 * Finds people whose email or user name starts like what was typed, or continues like it after a different first letter. Scans the table,
 * so it is only used if nobody matches. The caller compares case, blanks and Unicode composition, which databases support differently.
 *
 * @param letters possible first letters, in upper and lower case
 * @returns an empty list if people have only an id
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
