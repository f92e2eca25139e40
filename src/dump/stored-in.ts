import { quoteQualified } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import type { DumpedTable } from './tables.js';

/** The file in which the rows of each table are stored, by the oid of the table. TRUNCATE and rewrites change it. */
export type StoredIn = ReadonlyMap<number, string | null>;

const NAMED = 5;

/**
 * Reads the current files, whatever the session's snapshot. A session learns of changes only when it takes a lock that it does not have
 * yet: inside a transaction, on a catalog that nothing else here reads.
 */
export async function readStoredIn(session: Session, tables: readonly DumpedTable[]): Promise<StoredIn> {
  const rows = await session.query<{ oid: number; file: string | null }>(
    `select oid, pg_catalog.pg_relation_filenode(oid)::text as file
       from pg_catalog.unnest($1::oid[]) as oid
      where (select pg_catalog.count(*) from pg_catalog.pg_conversion) >= 0`,
    [tables.map(({ oid }) => oid)],
  );
  return new Map(rows.map(({ oid, file }) => [oid, file]));
}

/** Returns the tables that were rewritten since; an older snapshot may see no rows in them. */
export function rewrittenSince(tables: readonly DumpedTable[], before: StoredIn, now: StoredIn): DumpedTable[] {
  return tables.filter(({ oid }) => before.get(oid) !== now.get(oid));
}

/** Returns the reason for `degraded`, if any. */
export function rewrittenReasons(tables: readonly DumpedTable[]): string[] {
  if (tables.length === 0) return [];
  const names = tables.slice(0, NAMED).map(({ schema, name }) => quoteQualified(schema, name));
  const more = tables.length > NAMED ? ` and ${tables.length - NAMED} more` : '';
  return [
    `${names.join(', ')}${more}: truncated or rewritten while the dump began, so rows may be missing (the server's lock table has no room to prevent it: raise max_locks_per_transaction)`,
  ];
}
