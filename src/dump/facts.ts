import type { DatabasePart } from '../catalog/manifest.js';
import { quoteQualified } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import type { DumpedTable } from './tables.js';

type Inventory = DatabasePart['inventory'];

const SEQUENCE_BATCH = 200;

/** Reads the version and identity of the server, and the size of the database. */
export async function readServerFacts(session: Session): Promise<DatabasePart['server']> {
  // Calling a function without permission would abort the transaction, so the privilege is checked first.
  const [right] = await session.query<{ may: boolean }>(
    `select has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may`,
  );
  const identifier = right?.may ? '(select system_identifier::text from pg_control_system())' : 'null::text';
  const [row] = await session.query<DatabasePart['server']>(`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as version_num,
           ${identifier} as system_identifier, d.oid as database_oid, pg_database_size(d.oid)::float8 as size_bytes,
           pg_is_in_recovery() as in_recovery
      from pg_database d where d.datname = current_database()`);
  return row!;
}

/** Reads the installed extensions, including plpgsql. */
export function readExtensions(session: Session): Promise<DatabasePart['extensions']> {
  return session.query(`
    select e.extname as name, e.extversion as version, n.nspname as schema
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace order by e.extname`);
}

/** Reads the names of tablespaces that the database or its objects use, besides pg_default. */
export async function readTablespaces(session: Session): Promise<string[]> {
  const rows = await session.query<{ name: string }>(`
    select t.spcname as name from pg_tablespace t
     where t.spcname not in ('pg_default', 'pg_global')
       and (t.oid in (select reltablespace from pg_class)
            or t.oid = (select dattablespace from pg_database where datname = current_database()))
     order by t.spcname`);
  return rows.map(({ name }) => name);
}

/** Counts the large objects. */
export async function countLargeObjects(session: Session): Promise<number> {
  const [row] = await session.query<{ count: number }>('select count(*)::float8 as count from pg_largeobject_metadata');
  return row!.count;
}

/** Reads table sizes in bytes by oid, with indexes and TOAST. */
export async function readSizes(session: Session, tables: readonly DumpedTable[]): Promise<Map<number, number>> {
  const rows = await session.query<{ oid: number; bytes: number }>(
    'select t.oid, coalesce(pg_total_relation_size(t.oid), 0)::float8 as bytes from unnest($1::oid[]) as t(oid)',
    [tables.map(({ oid }) => oid)],
  );
  return new Map(rows.map(({ oid, bytes }) => [oid, bytes]));
}

/**
 * Reads the current values of the sequences. Sequences ignore snapshots, so a busy one may be ahead of the dump. A restore uses the
 * SEQUENCE SET of the dump.
 */
export async function readSequences(
  session: Session,
  names: readonly Pick<DumpedTable, 'schema' | 'name'>[],
): Promise<Inventory['sequences']> {
  const sequences: Inventory['sequences'] = [];
  for (let from = 0; from < names.length; from += SEQUENCE_BATCH) {
    const batch = names.slice(from, from + SEQUENCE_BATCH);
    const rows = await session.query<{ number: number; last_value: string; is_called: boolean }>(
      batch
        .map(
          ({ schema, name }, number) =>
            `select ${number} as number, last_value::text, is_called from ${quoteQualified(schema, name)}`,
        )
        .join(' union all '),
    );
    for (const { number, last_value, is_called } of rows) {
      const { schema, name } = batch[number]!;
      sequences.push({ schema, name, last_value, is_called });
    }
  }
  return sequences;
}
