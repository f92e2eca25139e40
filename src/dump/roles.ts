import type { DatabaseProperties } from '../catalog/manifest.js';
import type { Session } from '../postgres/server.js';

/**
 * Names of all roles that must exist before the dump can be restored completely: owners, grantees, roles of policies, default
 * privileges, user mappings and of settings for this database. Ascending; predefined ones (`pg_…`) are left out.
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
 * The superuser that initdb made is pinned: pg_shdepend does not know what is his. So his objects and grants are looked for one by one;
 * on another server he may have another name.
 */
const BOOTSTRAP = [
  ...OWNERS.map(
    ([catalogue, column]) =>
      `select ${column} from ${catalogue} where ${column} = 10 and ${catalogue}.oid >= ${FIRST_OID_OF_USERS}`,
  ),
  ...GRANTS.map(
    ([catalogue, column]) =>
      `select grants.grantee from ${catalogue}, lateral aclexplode(${column}) as grants
        where ${column} is not null and grants.grantee = 10 and ${catalogue === 'pg_attribute' ? 'attrelid' : `${catalogue}.oid`} >= ${FIRST_OID_OF_USERS}`,
  ),
].join('\n union all ');
