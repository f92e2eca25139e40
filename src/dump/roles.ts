import type { DatabaseProperties } from '../catalog/manifest.js';
import type { Session } from '../postgres/server.js';

/**
 * Reads the names of all roles that must exist before the dump can be restored completely: owners, grantees, roles in policies, default
 * privileges, user mappings and settings of this database. Ascending, without predefined roles (`pg_…`).
 */
export async function readRoles(session: Session, properties: DatabaseProperties): Promise<string[]> {
  const rows = await session.query<{ name: string }>(`
    select r.rolname as name from pg_roles r
     where r.oid in (select d.refobjid from pg_shdepend d, pg_database own
                      where own.datname = current_database() and d.refclassid = 'pg_authid'::regclass
                        and (d.dbid = own.oid or (d.dbid = 0 and d.classid = 'pg_database'::regclass and d.objid = own.oid)))
        or r.oid in (${BOOTSTRAP})
     order by r.rolname`);
  const ofSettings = properties.settings.flatMap(({ role }) => (role === null ? [] : [role]));
  const names = new Set([...rows.map(({ name }) => name), ...ofSettings, properties.owner]);
  return [...names].filter((name) => !name.startsWith('pg_')).sort();
}

const OWNERS = [
  ['pg_class', 'relowner'],
  ['pg_namespace', 'nspowner'],
  ['pg_proc', 'proowner'],
  ['pg_type', 'typowner'],
  ['pg_operator', 'oprowner'],
  ['pg_opclass', 'opcowner'],
  ['pg_opfamily', 'opfowner'],
  ['pg_collation', 'collowner'],
  ['pg_conversion', 'conowner'],
  ['pg_language', 'lanowner'],
  ['pg_ts_config', 'cfgowner'],
  ['pg_ts_dict', 'dictowner'],
  ['pg_statistic_ext', 'stxowner'],
  ['pg_event_trigger', 'evtowner'],
  ['pg_publication', 'pubowner'],
  ['pg_foreign_data_wrapper', 'fdwowner'],
  ['pg_foreign_server', 'srvowner'],
  ['pg_largeobject_metadata', 'lomowner'],
] as const;

const GRANTS = [
  ['pg_class', 'relacl'],
  ['pg_attribute', 'attacl'],
  ['pg_namespace', 'nspacl'],
  ['pg_proc', 'proacl'],
  ['pg_type', 'typacl'],
  ['pg_largeobject_metadata', 'lomacl'],
  ['pg_default_acl', 'defaclacl'],
] as const;

const FIRST_OID_OF_USERS = 16_384;

/**
 * Finds objects and grants of the superuser that initdb created, one catalog at a time: pg_shdepend does not record them. On another server
 * this role may have another name.
 */
const BOOTSTRAP = [
  ...OWNERS.map(
    ([catalog, column]) =>
      `select ${column} from ${catalog} where ${column} = 10 and ${catalog}.oid >= ${FIRST_OID_OF_USERS}`,
  ),
  ...GRANTS.map(
    ([catalog, column]) =>
      `select grants.grantee from ${catalog}, lateral aclexplode(${column}) as grants
        where ${column} is not null and grants.grantee = 10 and ${catalog === 'pg_attribute' ? 'attrelid' : `${catalog}.oid`} >= ${FIRST_OID_OF_USERS}`,
  ),
].join('\n union all ');
