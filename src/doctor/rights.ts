import type { Check } from '../kernel/check.js';
import { counted } from '../kernel/counted.js';
import { advice, joinAdvice, potctl } from '../kernel/next.js';
import { BACKUP_CONNECTIONS, raiseLimit } from '../postgres/errors.js';
import { quoteIdentifier } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import { type Connected, fail, ok, warn } from './check.js';

interface Unreadable {
  readonly total: string;
  readonly unreadable: string;
  readonly guarded: string;
  readonly examples: string | null;
  /** Quoted for SQL, separated by commas. */
  readonly schemas: string | null;
}

const UNREADABLE = `with objects as (
   select c.oid, pg_catalog.quote_ident(n.nspname) as schema, format('%I.%I', n.nspname, c.relname) as name, c.relkind,
          not pg_catalog.has_schema_privilege(n.oid, 'USAGE') or not case c.relkind
            when 'S' then pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
            else pg_catalog.has_table_privilege(c.oid, 'SELECT') end as unreadable,
          c.relkind <> 'S' and pg_catalog.row_security_active(c.oid) as guarded
     from pg_catalog.pg_class as c
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm', 'S')
      and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
      and not exists (select from pg_catalog.pg_depend as d
                       where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
 select count(*) as total, count(*) filter (where unreadable) as unreadable, count(*) filter (where guarded) as guarded,
        (select string_agg(distinct schema, ', ' order by schema) from objects where unreadable) as schemas,
        (select string_agg(name, ', ' order by name)
           from (select name from objects where unreadable or guarded order by name limit 3) as few) as examples
   from objects`;

/**
 * Checks that the role can read everything that pg_dump will dump, with as many connections as that needs. Row level security counts, since
 * pg_dump refuses a table that hides rows.
 */
export async function backupRights({ session, settings }: Connected): Promise<Check> {
  const [row] = await session.query<Unreadable>(UNREADABLE);
  const { total = '0', unreadable = '0', guarded = '0', examples = null, schemas = null } = row ?? {};
  const things = counted(Number(total), 'table or sequence', 'tables and sequences');
  const role = quoteIdentifier(settings.connection.user);
  if (unreadable !== '0')
    return fail(
      'backup rights',
      `${settings.connection.user} cannot read ${unreadable} of ${things}, e.g. ${examples}`,
      joinAdvice(
        [
          `grant usage on schema ${schemas} to ${role};`,
          `grant select on all tables in schema ${schemas} to ${role};`,
          `grant select on all sequences in schema ${schemas} to ${role};`,
          advice`Or back up with a dedicated role, which can also read future tables: ${potctl('grants', 'sql', '--role', 'backup')}`,
        ],
        ' ',
      ),
    );
  if (guarded !== '0')
    return fail(
      'backup rights',
      `row level security hides rows of ${guarded} of ${counted(Number(total), 'table')} from ${settings.connection.user}, e.g. ${examples}`,
      // BYPASSRLS for the application's own role would show it what its policies hide.
      advice`back up as a superuser, or with a dedicated role that has BYPASSRLS: ${potctl('grants', 'sql', '--role', 'backup')}`,
    );
  const limit = await tightLimit(session);
  if (limit !== null)
    return warn(
      'backup rights',
      `${limit.kind} "${limit.name}" has a connection limit of ${limit.value}; a backup needs ${BACKUP_CONNECTIONS} connections at once`,
      `as a superuser: ${raiseLimit(limit.kind, limit.name)}`,
    );
  return ok('backup rights', `${settings.connection.user} can read all of ${things}`);
}

interface Limit {
  readonly kind: 'role' | 'database';
  readonly name: string;
  readonly value: number;
}

/** Returns a connection limit that is too low for a backup; superusers have none. One connection, for the lock, goes to another database. */
async function tightLimit(session: Session): Promise<Limit | null> {
  const [row] = await session.query<Limit>(
    `select l.kind, l.name::pg_catalog.text as name, l.value
       from pg_catalog.pg_roles as r, pg_catalog.pg_database as d,
            lateral (values ('role', r.rolname, r.rolconnlimit, $1::int), ('database', d.datname, d.datconnlimit, $1::int - 1))
              as l(kind, name, value, needed)
      where r.rolname = current_user and d.datname = pg_catalog.current_database() and not r.rolsuper
        and l.value >= 0 and l.value < l.needed
      limit 1`,
    [BACKUP_CONNECTIONS],
  );
  return row ?? null;
}

interface Rights {
  readonly superuser: boolean;
  readonly createdb: boolean;
  readonly owned: boolean;
  readonly readonly: boolean;
  readonly owner: string;
  readonly database: string;
}

/** Checks that the role can create a database and rename this one. */
export async function restoreRights({ session, settings }: Connected): Promise<Check> {
  const [row] = await session.query<Rights>(
    `select r.rolsuper as superuser, r.rolcreatedb as createdb, pg_catalog.pg_has_role(d.datdba, 'USAGE') as owned,
            pg_catalog.pg_get_userbyid(d.datdba) as owner, d.datname as database,
            pg_catalog.current_setting('default_transaction_read_only')::boolean as readonly
       from pg_catalog.pg_roles as r, pg_catalog.pg_database as d
      where r.rolname = current_user and d.datname = current_database()`,
  );
  const { user } = settings.connection;
  if (row?.superuser) return ok('restore rights', `${user} is a superuser`);
  const others = row?.readonly
    ? 'default_transaction_read_only is on: a restore turns it off for itself, other commands cannot write'
    : "a superuser must end other roles' sessions first";
  if (row?.owned && row.createdb) return ok('restore rights', `${user} can create and rename databases; ${others}`);
  const missing = [...(row?.createdb ? [] : ['CREATEDB']), ...(row?.owned ? [] : ['ownership of the database'])];
  const fix = row?.owned
    ? `as a superuser: alter role ${quoteIdentifier(user)} createdb;`
    : `restore as a superuser, or as ${row?.owner} with CREATEDB: PGUSER, or \`user\` in the profile`;
  return warn('restore rights', `${user} can back up but not restore: it lacks ${missing.join(', ')}`, fix);
}
