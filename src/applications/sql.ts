import { PotctlError } from '../kernel/errors.js';
import type { Session } from '../postgres/server.js';

/**
 * The server's clock, for what is read. Not `clock_timestamp()`, which may differ from row to row: a subquery that asks it is computed whole,
 * so that the first page of a list costs as much as all of it, and no index is used for what is younger than it.
 */
export const CLOCK = 'pg_catalog.statement_timestamp()';

/**
 * Updates the one row of a person, within the transaction of a change, which counts what is written. Who may write a column and not read it sees at least that the row was written.
 *
 * @throws E_NOT_KEPT where a rule or trigger dropped the update
 */
export async function updateOne(session: Session, update: string, values: readonly unknown[]): Promise<void> {
  const [{ written } = { written: 1 }] = await session.query<{ written: number }>(update, values);
  if (written === 1) return;
  throw new PotctlError('E_NOT_KEPT', 'the database dropped an update', {
    why: `a trigger or rule wrote ${written} rows where one was to be written`,
  });
}

/**
 * Inserts the row whose id is the first value, and looks for it: no record, no change. A role that may not read the table sees at least that a
 * row was written; a rule that writes elsewhere instead is an error there.
 *
 * @param table its quoted and qualified name
 * @throws E_NOT_KEPT where a rule or trigger dropped the row
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
  throw new PotctlError('E_NOT_KEPT', `the database dropped the row for ${table}`, {
    why: 'a trigger or rule of the table is in the way, and nothing is changed without a record',
  });
}

/** A naive timestamp that holds UTC, as RFC 3339 with microseconds. */
export const utc = (column: string): string => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** A timestamp with time zone, as RFC 3339 UTC with microseconds. */
export const instant = (column: string): string => utc(`(${column}) at time zone 'UTC'`);

/**
 * The words of `secret` in an overview. The role must be able to read the column.
 *
 * @param strangers may spaces and dashes stand between the symbols, as EVO reads it?
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

/** 1, 3 and 6 symbols beyond whole groups cannot come from whole bytes, and a whole group is never padding. */
function isUnpaddable(column: string): string {
  const body = `length(rtrim(${column}, '='))`;
  return `${body} % 8 in (1, 3, 6) or (length(${column}) + 7) / 8 > (${body} + 7) / 8`;
}

/** Until when an application locks somebody out: `infinity` is no instant. */
export const lockedUntil = (column: string, now: string, text: string): string =>
  `case when ${column} = 'infinity' then 'infinity' when ${column} > ${now} then ${text} end`;

/** Would the database take it as a uuid? Asked before it is, because its refusal ends the transaction. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** What a role of the database may be called that is the person's own: all of it, and what stands before an @. */
export const namesOf = (column: string): string => `lower(${column}), split_part(lower(${column}), '@', 1)`;

/** Whose row it is, for a guard. @see MfaFacet.guard */
export const whose = (admin: string, names: readonly string[]): string =>
  `case when ${admin} then 'an administrator' when $2 in (lower($1), ${names.map(namesOf).join(', ')}) then 'the account of the caller' end`;

/** Is it what was typed (`$1`), but for its case? A look at the length spares most rows of a large table the dear `lower`. */
export const isTyped = (column: string): string => `(length(${column}) = length($1) and lower(${column}) = lower($1))`;
