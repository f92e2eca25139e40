import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';

/**
 * The server's time, for reading. Not `clock_timestamp()`, which is volatile: a subquery that calls it is computed completely, so that the
 * first page of a list would cost as much as all of it, and no index could be used.
 */
export const CLOCK = 'pg_catalog.statement_timestamp()';

/**
 * Updates the one row of a person in the transaction of a change, and checks that one row was written, which works even for a role that cannot
 * read the column.
 *
 * @throws E_NOT_KEPT if a rule or trigger discarded the update
 */
export async function updateOne(session: Session, update: string, values: readonly unknown[]): Promise<void> {
  const [{ written } = { written: 1 }] = await session.query<{ written: number }>(update, values);
  if (written === 1) return;
  throw new PotctlError('E_NOT_KEPT', 'the database discarded an update', {
    why: `a trigger or rule changed it: ${written} rows were written instead of 1`,
  });
}

/**
 * Inserts a row whose id is the first value, and reads it back: without an audit row there is no change. For a role that cannot read the table
 * it checks that a row was written; a rule that writes elsewhere instead causes an error there.
 *
 * @param table its quoted and qualified name
 * @throws E_NOT_KEPT if a rule or trigger discarded the row
 */
export async function insertOne(
  session: Session,
  table: string,
  insert: string,
  values: readonly unknown[],
): Promise<void> {
  const [role] = await session.query<{ reads: boolean }>(
    `select pg_catalog.has_column_privilege($1, 'id', 'SELECT') as reads`,
    [table],
  );
  const written = await session.query(role!.reads ? insert : `${insert} returning 1`, values);
  const kept = role!.reads ? await session.query(`select 1 from ${table} where id = $1`, [values[0]]) : written;
  if (kept.length === 1) return;
  throw new PotctlError('E_NOT_KEPT', `the database discarded a row for ${table}`, {
    why: 'a trigger or rule on the table discarded it, and potctl changes nothing without an audit row',
  });
}

/** SQL for a naive timestamp in UTC as RFC 3339 with microseconds. */
export const utc = (column: string): string => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** SQL for a timestamp with time zone as RFC 3339 UTC with microseconds. */
export const instant = (column: string): string => utc(`(${column}) at time zone 'UTC'`);

/**
 * SQL for the column `secret` of an overview. The role must be able to read the column.
 *
 * @param strangers `skip`: spaces and dashes are allowed between the symbols, as in EVO
 * @see OVERVIEW_COLUMNS
 */
export const secretClass = (column: string, strangers: 'refuse' | 'skip'): string => `case
    when ${column} is null then 'none'
    when ${column} = '' then 'empty'
    when ${column} ~ '^\\$2[abxy]\\$' then 'bcrypt'
    when ${column} ~ '^potctl:v[0-9]+:' then 'envelope'
    when ${column} !~ '^[A-Za-z2-7${strangers === 'skip' ? ' -' : ''}]+=*$' then 'odd'
    ${strangers === 'refuse' ? `when ${isUnpaddable(column)} then 'odd'` : ''}
    when length(${column}) < 16 then 'weak'
    when length(${column}) < 26 then 'short'
    else 'base32' end`;

/** 1, 3 or 6 symbols after whole groups cannot encode whole bytes, and padding is never a whole group. */
function isUnpaddable(column: string): string {
  const body = `length(rtrim(${column}, '='))`;
  return `${body} % 8 in (1, 3, 6) or (length(${column}) + 7) / 8 > (${body} + 7) / 8`;
}

/** SQL for the end of an application's lock; `infinity` cannot be formatted as a time. */
export const lockedUntil = (column: string, now: string, text: string): string =>
  `case when ${column} = 'infinity' then 'infinity' when ${column} > ${now} then ${text} end`;

/** Returns whether the database accepts a text as a uuid; an invalid one would abort the transaction. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** SQL for the names of a person's own database role: the whole name, and the part before an @. */
export const namesOf = (column: string): string => `lower(${column}), split_part(lower(${column}), '@', 1)`;

/** SQL that says whose row it is, for a guard. @see MfaFacet.guard */
export const whose = (admin: string, names: readonly string[]): string =>
  `case when ${admin} then 'an administrator' when $2 in (lower($1), ${names.map(namesOf).join(', ')}) then 'the account of the caller' end`;

/** SQL that compares a column with `$1`, ignoring case. Comparing lengths first avoids the expensive `lower` for most rows. */
export const isTyped = (column: string): string => `(length(${column}) = length($1) and lower(${column}) = lower($1))`;
