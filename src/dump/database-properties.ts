import type { DatabaseProperties } from '../catalog/manifest.js';
import { parseAclItem } from '../postgres/aclitem.js';
import { quoteIdentifier, quoteLiteral } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';

const PRIVILEGES: Readonly<Record<string, string>> = { C: 'CREATE', T: 'TEMPORARY', c: 'CONNECT' };
/** Settings whose stored value is a list of quoted names, which SET takes as several strings; all others take one. */
const LIST_SETTINGS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** Reads the properties of the session's database that `pg_restore` into another database does not restore. */
export async function readDatabaseProperties(session: Session): Promise<DatabaseProperties> {
  const [row] = await session.query<DatabaseProperties>(`
    select pg_catalog.pg_get_userbyid(d.datdba) as owner,
           pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
           coalesce(d.datcollate, '') as "collate",
           coalesce(d.datctype, '') as ctype,
           ${localeColumns(session.versionNum)},
           (select t.spcname from pg_catalog.pg_tablespace t where t.oid = d.dattablespace) as tablespace,
           d.datconnlimit as connection_limit,
           d.datistemplate as is_template,
           d.datallowconn as allow_connections,
           pg_catalog.shobj_description(d.oid, 'pg_database') as comment,
           d.datacl::text[] as acl,
           ${settingsColumn} as settings,
           ${labelsColumn} as security_labels,
           exists (select from pg_catalog.pg_namespace n where n.nspname = 'public') as has_public_schema
      from pg_catalog.pg_database d
     where d.datname = pg_catalog.current_database()`);
  return row!;
}

const settingsColumn = `coalesce((
  select pg_catalog.json_agg(pg_catalog.json_build_object(
           'role', (select r.rolname from pg_catalog.pg_roles r where r.oid = s.setrole), 'setting', entry.setting)
         order by s.setrole, entry.number)
    from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) with ordinality as entry(setting, number)
   where s.setdatabase = d.oid), '[]')`;

const labelsColumn = `coalesce((
  select pg_catalog.json_agg(pg_catalog.json_build_object('provider', l.provider, 'label', l.label) order by l.provider)
    from pg_catalog.pg_shseclabel l
   where l.objoid = d.oid and l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass), '[]')`;

/** PostgreSQL 15 introduced the provider, 16 the rules, 17 one column for the locale of every provider. */
function localeColumns(versionNum: number): string {
  const provider = versionNum >= 150_000 ? 'd.datlocprovider::text' : `'c'`;
  const locale = versionNum >= 170_000 ? 'd.datlocale' : versionNum >= 150_000 ? 'd.daticulocale' : 'null::text';
  const rules = versionNum >= 160_000 ? 'd.daticurules' : 'null::text';
  return `${provider} as locale_provider, ${locale} as icu_locale, ${rules} as icu_rules`;
}

/**
 * Returns the statement that creates an empty database like the original; it cannot run in a transaction. It has no connection limit, which
 * would count the sessions that fill the database: see {@link propertyStatements}.
 *
 * @param versionNum of the server that will run it, e.g. 150018
 */
export function createDatabaseStatements(
  name: string,
  properties: DatabaseProperties,
  versionNum: number,
): readonly string[] {
  return [
    [
      `CREATE DATABASE ${quoteIdentifier(name)} WITH TEMPLATE = template0`,
      `OWNER = ${quoteIdentifier(properties.owner)}`,
      `ENCODING = ${quoteLiteral(properties.encoding)}`,
      ...localeClauses(properties, versionNum),
      // Naming the default tablespace requires a privilege that plain owners lack.
      ...(properties.tablespace === 'pg_default' ? [] : [`TABLESPACE = ${quoteIdentifier(properties.tablespace)}`]),
    ].join(' '),
  ];
}

function localeClauses(properties: DatabaseProperties, versionNum: number): string[] {
  const { locale_provider: provider, icu_locale: locale, icu_rules: rules } = properties;
  const word = { i: 'icu', b: 'builtin' }[provider] ?? 'libc';
  return [
    // template0 may have another provider.
    ...(versionNum >= 150_000 ? [`LOCALE_PROVIDER = ${word}`] : []),
    ...(properties.collate === '' ? [] : [`LC_COLLATE = ${quoteLiteral(properties.collate)}`]),
    ...(properties.ctype === '' ? [] : [`LC_CTYPE = ${quoteLiteral(properties.ctype)}`]),
    ...(locale === null ? [] : [`${word === 'builtin' ? 'BUILTIN' : 'ICU'}_LOCALE = ${quoteLiteral(locale)}`]),
    ...(rules === null ? [] : [`ICU_RULES = ${quoteLiteral(rules)}`]),
  ];
}

/**
 * Returns the statements that give a restored database the original's settings, comment, grants, labels and limits, in order. Run them
 * after the data is loaded: a setting such as `default_transaction_read_only`, or a limit, would hinder the restore.
 *
 * `allow_connections = false` is not among them: such a database could be neither dumped nor verified.
 */
export function propertyStatements(name: string, properties: DatabaseProperties): readonly string[] {
  const database = quoteIdentifier(name);
  return [
    ...properties.settings.map((entry) => settingStatement(database, entry)),
    ...(properties.comment === null ? [] : [`COMMENT ON DATABASE ${database} IS ${quoteLiteral(properties.comment)}`]),
    ...properties.security_labels.map(
      ({ provider, label }) =>
        `SECURITY LABEL FOR ${quoteIdentifier(provider)} ON DATABASE ${database} IS ${quoteLiteral(label)}`,
    ),
    ...grantStatements(database, properties),
    ...(properties.connection_limit === -1
      ? []
      : [`ALTER DATABASE ${database} CONNECTION LIMIT ${Math.trunc(properties.connection_limit)}`]),
    ...(properties.is_template ? [`ALTER DATABASE ${database} IS_TEMPLATE true`] : []),
  ];
}

function settingStatement(database: string, entry: DatabaseProperties['settings'][number]): string {
  const [setting, value] = splitOnce(entry.setting, '=');
  const values = LIST_SETTINGS.has(setting.toLowerCase()) ? splitList(value) : [value];
  const name = setting.split('.').map(quoteIdentifier).join('.');
  const target =
    entry.role === null
      ? `ALTER DATABASE ${database}`
      : `ALTER ROLE ${quoteIdentifier(entry.role)} IN DATABASE ${database}`;
  return `${target} SET ${name} TO ${values.map(quoteLiteral).join(', ')}`;
}

/** Splits a list such as `objects, "$user", "a ""b"""` into names. Never empty: SET requires at least one string. */
function splitList(list: string): string[] {
  const names = Array.from(list.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g), ([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll('""', '"'),
  );
  return names.length === 0 ? [''] : names;
}

/**
 * Returns statements that set the grants from scratch: the defaults of PUBLIC and the owner are revoked first, unless there are only
 * defaults.
 */
function grantStatements(database: string, { acl, owner }: DatabaseProperties): string[] {
  if (acl === null) return [];
  const items = acl.map(parseAclItem);
  // A grantor has its grant option from the owner, so the owner's grants come first.
  const ordered = [
    ...items.filter(({ grantor }) => grantor === owner),
    ...items.filter(({ grantor }) => grantor !== owner),
  ];
  return [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `REVOKE ALL ON DATABASE ${database} FROM ${quoteIdentifier(owner)}`,
    ...ordered.flatMap((item) => {
      const grants = [true, false].flatMap((option) => grantStatement(database, item, option));
      if (item.grantor === owner || grants.length === 0) return grants;
      return [`SET SESSION AUTHORIZATION ${quoteIdentifier(item.grantor)}`, ...grants, 'RESET SESSION AUTHORIZATION'];
    }),
  ];
}

function grantStatement(database: string, item: ReturnType<typeof parseAclItem>, withGrantOption: boolean): string[] {
  const words = item.privileges
    .filter((privilege) => privilege.withGrantOption === withGrantOption)
    .map(({ letter }) => PRIVILEGES[letter])
    .filter((word) => word !== undefined);
  if (words.length === 0) return [];
  const grantee = item.grantee === null ? 'PUBLIC' : quoteIdentifier(item.grantee);
  return [
    `GRANT ${words.join(', ')} ON DATABASE ${database} TO ${grantee}${withGrantOption ? ' WITH GRANT OPTION' : ''}`,
  ];
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
