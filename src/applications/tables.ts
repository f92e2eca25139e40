import type { Session } from '../postgres/server.js';

/** A table as in the catalog. */
export interface FoundTable {
  readonly owner: string;
  /** Whether the owner is trusted: a superuser, the owner of the database, or the role of the session. */
  readonly trusted: boolean;
  /**
   * Columns with their types: built-in types as `format_type` names them, `enum`, `citext`; all others with their schema.
   */
  readonly columns: ReadonlyMap<string, string>;
}

/** Tables of one schema by name. */
export type Tables = ReadonlyMap<string, FoundTable>;

/** A cast runs code of the type's owner, so only types of the table's owner or of a superuser are supported. */
const COLUMNS = `
  select n.nspname as schema, c.relname as table, a.attname as column, o.rolname as owner,
         o.rolsuper or c.relowner = d.datdba or o.rolname = session_user as trusted,
         case when t.typtype = 'e' and (t.typowner = c.relowner or p.rolsuper) then 'enum'
              when t.typname = 'citext' and t.typtype = 'b' then 'citext'
              else pg_catalog.format_type(a.atttypid, null) end as type
    from pg_catalog.pg_class c
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
         join pg_catalog.pg_roles o on o.oid = c.relowner
         join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_catalog.pg_type t on t.oid = a.atttypid
         join pg_catalog.pg_roles p on p.oid = t.typowner
   where c.relkind in ('r', 'p') and c.relname = any($1) and n.nspname !~ '^(pg_|information_schema$|potctl$)'
   order by n.nspname`;

/** Reads the tables with these names in every schema. Views and foreign tables are ignored: reading them would run their definition. */
export async function readSchemas(session: Session, names: readonly string[]): Promise<Map<string, Tables>> {
  type Row = { schema: string; table: string; column: string; owner: string; trusted: boolean; type: string };
  const rows = await session.query<Row>(COLUMNS, [names]);
  const schemas = new Map<string, Map<string, FoundTable & { readonly columns: Map<string, string> }>>();
  for (const { schema, table, column, owner, trusted, type } of rows) {
    const tables = schemas.get(schema) ?? new Map();
    const found = tables.get(table) ?? { owner, trusted, columns: new Map() };
    found.columns.set(column, type);
    schemas.set(schema, tables.set(table, found));
  }
  return schemas;
}
