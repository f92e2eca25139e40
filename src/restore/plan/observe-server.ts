import { statfs } from 'node:fs/promises';
import { inSession } from '../../postgres/in-session.js';
import type { Server, Session } from '../../postgres/server.js';
import { type BusySession, readBusySessions } from '../../runs/database/busy.js';

/** What the backup requires of the server. */
export interface ServerNeeds {
  /** The database that would be replaced. */
  readonly database: string;
  /** Names that must not exist yet. */
  readonly names: readonly string[];
  readonly roles: readonly string[];
  /** Roles that own something in the dump: a role that is no superuser must be a member of each. */
  readonly owners: readonly string[];
  /** `version` null: not recorded in the backup. */
  readonly extensions: readonly { readonly name: string; readonly version: string | null }[];
  readonly tablespaces: readonly string[];
  /** The tablespace of the database itself; null = no database is created. */
  readonly tablespace: string | null;
}

/** The current state of the server. */
export interface ObservedServer {
  readonly versionNum: number;
  readonly version: string;
  /** null if the role may not read it. */
  readonly systemIdentifier: string | null;
  readonly inRecovery: boolean;
  readonly role: { readonly name: string; readonly superuser: boolean; readonly createDatabase: boolean };
  /** The database with the live name; null if there is none. */
  readonly database: ObservedDatabase | null;
  readonly takenNames: readonly string[];
  readonly missingRoles: readonly string[];
  /** Owners that this role is not a member of. */
  readonly foreignOwners: readonly ImportedOwner[];
  readonly extensions: readonly ObservedExtension[];
  readonly missingTablespaces: readonly string[];
  /** Tablespaces in which this role may not create anything. */
  readonly deniedTablespaces: readonly string[];
  /** Free bytes where the database will be; null if that is unknown. */
  readonly freeBytes: number | null;
}

export interface ObservedDatabase {
  readonly oid: number;
  readonly bytes: number | null;
  readonly owned: boolean;
  readonly template: boolean;
  readonly connectable: boolean;
  readonly sessions: readonly BusySession[];
  readonly preparedTransactions: readonly string[];
  /** What is bound to the database's oid and would stay with the old one: `slot NAME`, `subscription NAME`, `pg_cron`. */
  readonly bindings: readonly string[];
}

export interface ImportedOwner {
  readonly name: string;
  /** Membership in it grants superuser rights, or those of a predefined role. */
  readonly powerful: boolean;
}

export interface ObservedExtension {
  readonly name: string;
  readonly version: string | null;
  readonly available: boolean;
  readonly versionAvailable: boolean;
  /** Whether this role may create it. */
  readonly mayCreate: boolean;
}

/** Inspects the server and the database that would be replaced. Changes nothing. @throws E_DB_* */
export async function observeServer(server: Server, needs: ServerNeeds): Promise<ObservedServer> {
  return inSession(server.maintenanceSession('restore.plan'), async (session) => {
    const [facts] = await session.query<Facts>(FACTS);
    const { superuser } = facts!;
    return {
      versionNum: session.versionNum,
      version: facts!.version,
      systemIdentifier: await readSystemIdentifier(session),
      inRecovery: facts!.recovery,
      role: { name: facts!.role, superuser, createDatabase: superuser || facts!.createdb },
      database: await observeDatabase(session, needs.database),
      takenNames: await readTakenNames(session, needs.names),
      missingRoles: await readMissing(session, 'pg_roles', 'rolname', needs.roles),
      foreignOwners: superuser ? [] : await readForeignOwners(session, needs.owners),
      extensions: await readExtensions(session, needs.extensions, superuser),
      missingTablespaces: await readMissing(session, 'pg_tablespace', 'spcname', needs.tablespaces),
      deniedTablespaces: await readDeniedTablespaces(session, needs.tablespaces),
      freeBytes: server.settings.host.startsWith('/') ? await readFreeBytes(session, needs.tablespace) : null,
    };
  });
}

interface Facts {
  readonly version: string;
  readonly recovery: boolean;
  readonly role: string;
  readonly superuser: boolean;
  readonly createdb: boolean;
}
const FACTS = `
  select current_setting('server_version') as version, pg_is_in_recovery() as recovery,
         rolname::text as role, rolsuper as superuser, rolcreatedb as createdb
    from pg_roles
   where rolname = current_user`;

async function readSystemIdentifier(session: Session): Promise<string | null> {
  const sql = 'select system_identifier::text as id from pg_control_system()';
  const rows = await session.query<{ id: string }>(sql).catch(() => []);
  return rows[0]?.id ?? null;
}

async function observeDatabase(session: Session, name: string): Promise<ObservedDatabase | null> {
  const [row] = await session.query<{ oid: string; owned: boolean; template: boolean; connectable: boolean }>(
    `select oid::text as oid, pg_has_role(datdba, 'USAGE') as owned, datistemplate as template, datallowconn as connectable
       from pg_database
      where datname = $1`,
    [name],
  );
  if (row === undefined) return null;
  const oid = Number(row.oid);
  const prepared = await session.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = $1 order by 1',
    [name],
  );
  return {
    oid,
    bytes: await readSize(session, oid),
    owned: row.owned,
    template: row.template,
    connectable: row.connectable,
    sessions: await readBusySessions(session, [oid]),
    preparedTransactions: prepared.map(({ gid }) => gid),
    bindings: await readBindings(session, name, oid),
  };
}

async function readSize(session: Session, oid: number): Promise<number | null> {
  const sql = 'select pg_database_size($1::oid)::text as bytes';
  const rows = await session.query<{ bytes: string }>(sql, [oid]).catch(() => []);
  return rows[0] === undefined ? null : Number(rows[0].bytes);
}

/** A disabled subscription without a slot, as a restore creates it, is not bound. */
async function readBindings(session: Session, name: string, oid: number): Promise<string[]> {
  const rows = await session.query<{ binding: string }>(
    `select format('slot %s', slot_name) as binding from pg_replication_slots where datoid = $1::oid
     union all
     select format('subscription %s', subname) from pg_subscription where subdbid = $1::oid and (subenabled or subslotname is not null)
     union all
     select 'pg_cron' where current_setting('cron.database_name', true) = $2
     order by 1`,
    [oid, name],
  );
  return rows.map(({ binding }) => binding);
}

async function readTakenNames(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    'select datname::text as name from pg_database where datname = any ($1::name[])',
    [names],
  );
  return rows.map(({ name }) => name);
}

async function readMissing(
  session: Session,
  catalog: 'pg_roles' | 'pg_tablespace',
  column: 'rolname' | 'spcname',
  names: readonly string[],
): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select name from unnest($1::text[]) as name
      where not exists (select from ${catalog} where ${column} = name)
      order by 1`,
    [names],
  );
  return rows.map(({ name }) => name);
}

async function readDeniedTablespaces(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.query<{ name: string }>(
    `select spcname::text as name from pg_tablespace
      where spcname = any ($1::name[]) and spcname <> 'pg_default' and not has_tablespace_privilege(oid, 'CREATE')
      order by 1`,
    [names],
  );
  return rows.map(({ name }) => name);
}

async function readForeignOwners(session: Session, owners: readonly string[]): Promise<ImportedOwner[]> {
  // Since version 16, membership does not imply the right to SET ROLE, which ALTER … OWNER requires.
  const privilege = session.versionNum >= 160_000 ? 'SET' : 'MEMBER';
  return session.query<ImportedOwner & object>(
    `select o.rolname::text as name,
            exists (select from pg_catalog.pg_roles p
                     where (p.rolsuper or p.rolcreaterole or p.rolreplication or p.rolbypassrls or p.rolname ~ '^pg_')
                       and p.rolname <> 'pg_database_owner'
                       and pg_catalog.pg_has_role(o.oid, p.oid, 'MEMBER')) as powerful
       from pg_catalog.pg_roles o
      where o.rolname = any ($1::name[]) and not pg_catalog.pg_has_role(o.oid, $2)
      order by 1`,
    [owners, privilege],
  );
}

async function readExtensions(
  session: Session,
  wanted: ServerNeeds['extensions'],
  superuser: boolean,
): Promise<ObservedExtension[]> {
  const trusted = session.versionNum >= 130_000 ? 'a.trusted' : 'false';
  const rows = await session.query<{ name: string; version: string; trusted: boolean }>(
    `select a.name::text as name, a.version, not a.superuser or ${trusted} as trusted
       from pg_available_extension_versions a
      where a.name = any ($1::name[])`,
    [wanted.map(({ name }) => name)],
  );
  return wanted.map(({ name, version }) => {
    const found = rows.filter((row) => row.name === name);
    return {
      name,
      version,
      available: found.length > 0,
      versionAvailable: found.some((row) => row.version === version),
      mayCreate: superuser || found.some((row) => row.trusted),
    };
  });
}

/** Only known if server and potctl share a machine, and the role may read the path. */
async function readFreeBytes(session: Session, tablespace: string | null): Promise<number | null> {
  // The default tablespaces have no path of their own: they are in the data directory.
  const sql = `select coalesce(nullif((select pg_catalog.pg_tablespace_location(oid)
                                         from pg_catalog.pg_tablespace where spcname = $1), ''),
                               (select setting from pg_catalog.pg_settings where name = 'data_directory')) as directory`;
  const rows = await session.query<{ directory: string | null }>(sql, [tablespace]).catch(() => []);
  const directory = rows[0]?.directory ?? null;
  if (directory === null) return null;
  const space = await statfs(directory).catch(() => null);
  return space === null ? null : space.bavail * space.bsize;
}
