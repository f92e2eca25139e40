import { PotctlError } from '../kernel/errors.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';

/** The newest version of potctl's own schema that this program knows; templates/sql/potctl-<n>.sql leads from n - 1 to n. */
export const SCHEMA_VERSION = 3;

/** The newest version of the reference application's functions; templates/sql/native-<n>.sql leads from n - 1 to n. */
export const NATIVE_VERSION = 2;

/**
 * The version of the schema `potctl` in the session's database; null = there is none.
 *
 * @throws E_REFUSED when a schema of that name is somebody else's, E_DB_DENIED when the role may not look into it
 */
export async function readSchemaVersion(session: Session): Promise<number | null> {
  const [found] = await session.query<{ schema: boolean; ours: boolean; usable: boolean | null }>(
    `select exists (select from pg_namespace where nspname = 'potctl') as schema,
            exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where n.nspname = 'potctl' and c.relname = 'schema_version') as ours,
            (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = 'potctl') as usable`,
  );
  if (!found?.schema) return null;
  if (!found.ours) {
    throw new PotctlError('E_REFUSED', 'the database has a schema "potctl" that is not from potctl', {
      fix: ['Look what is in it, and rename it: ALTER SCHEMA potctl RENAME TO …'],
    });
  }
  if (!found.usable) {
    throw new PotctlError('E_DB_DENIED', 'this role may not look into the schema "potctl"', {
      fix: ['Use the role that installed it, or let it grant: GRANT USAGE ON SCHEMA potctl TO …'],
    });
  }
  const [row] = await session.query<{ version: number }>('select max(version) as version from potctl.schema_version');
  return row!.version;
}

/** @throws E_SETUP_MISSING where there is no journal yet, E_SETUP_NEWER; else as {@link readSchemaVersion} */
export async function requireJournal(session: Session): Promise<void> {
  const version = await readSchemaVersion(session);
  if (version === null) throw new PotctlError('E_SETUP_MISSING', 'the database has no journal of potctl yet');
  if (version > SCHEMA_VERSION) throw newer(version);
}

/** What is wrong with what `potctl setup` once installed, and the command that mends it. */
export interface SetupProblem {
  readonly detail: string;
  readonly fix: Advice;
}

/**
 * Is an older, unsafe version installed? Reads only the catalog, so every role can tell; null where all is well, or nothing is installed.
 *
 * @throws E_DB_*
 */
export async function readSetupProblem(session: Session): Promise<SetupProblem | null> {
  const [found] = await session.query<{ open: string[] | null }>(OPEN_FUNCTIONS);
  if (found!.open !== null) {
    return {
      detail: `an old schema "potctl" is installed: whoever may run ${found!.open.join(', ')} can run code as its owner`,
      fix: potctl('setup'),
    };
  }
  const native = await readNative(session);
  if (native.version === 1) {
    return {
      detail: 'the schema "potctl_app" is of version 1: who may change a second factor can do so without the journal',
      fix: potctl('setup', '--application', 'native'),
    };
  }
  if (native.version === null || !(await hasOldRights(session))) return null;
  return {
    detail: 'the role potctl_support still may write into the tables of "potctl_app" by itself, past the journal',
    fix: potctl('grants', 'sql', '--role', 'support'),
  };
}

/** Rights that `grants sql` printed before there were functions. */
async function hasOldRights(session: Session): Promise<boolean> {
  const [row] = await session.query<{ has: boolean }>(
    `select exists (select from pg_catalog.pg_roles r, pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                     where r.rolname = 'potctl_support' and n.nspname = 'potctl_app'
                       and c.relname in ('users', 'mfa_factors', 'backup_codes', 'sessions')
                       and (pg_catalog.has_any_column_privilege(r.oid, c.oid, 'UPDATE')
                            or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'INSERT')
                            or pg_catalog.has_table_privilege(r.oid, c.oid, 'DELETE'))) as has`,
  );
  return row!.has;
}

/** The reference application, as far as it is installed. */
export interface InstalledNative {
  /** null = it is not there. */
  readonly version: number | null;
  /** May this role act as the owner of its tables? */
  readonly owned: boolean;
}

/** Looks for the reference application. Reads only the catalog. */
export async function readNative(session: Session): Promise<InstalledNative> {
  const [row] = await session.query<{ version: number | null; owned: boolean | null }>(
    `select case when u.oid is not null then
              case when exists (select from pg_catalog.pg_proc p where p.pronamespace = n.oid and p.proname = 'mfa_enroll') then 2 else 1 end end as version,
            pg_catalog.pg_has_role(u.relowner, 'member') as owned
       from pg_catalog.pg_namespace n
            left join pg_catalog.pg_class u on u.relnamespace = n.oid and u.relname = 'users' and u.relkind in ('r', 'p')
      where n.nspname = 'potctl_app'`,
  );
  return { version: row?.version ?? null, owned: row?.owned ?? false };
}

/**
 * What keeps a support login from changing a second factor behind the journal's back. Reads only the catalog.
 *
 * @param schema of the application's tables; null = there is none
 */
export async function readGuard(session: Session, schema: string | null): Promise<'functions' | 'triggers' | null> {
  const native = await readNative(session);
  if (schema === 'potctl_app' && native.version === NATIVE_VERSION) return 'functions';
  const [row] = await session.query<{ guarded: boolean }>(
    `select exists (select from pg_catalog.pg_trigger t
                      join pg_catalog.pg_class c on c.oid = t.tgrelid
                      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                      join pg_catalog.pg_proc p on p.oid = t.tgfoid
                      join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
                     where n.nspname = $1 and pn.nspname = 'potctl' and p.proname = 'guard_write' and t.tgenabled <> 'D') as guarded`,
    [schema],
  );
  return row!.guarded ? 'triggers' : null;
}

/** Functions that run as their owner, and find what a caller planted, or may be run by anybody. */
const OPEN_FUNCTIONS = `
  select pg_catalog.array_agg(p.proname::pg_catalog.text order by p.proname) as open
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname = 'potctl' and p.prosecdef
     and (not exists (select from pg_catalog.unnest(p.proconfig) as c (setting)
                                       where c.setting ~ '^search_path=.*pg_temp"?$')
          or p.proacl is null
          or exists (select from pg_catalog.aclexplode(p.proacl) a where a.grantee = 0))`;

/** The error of a schema that a later potctl installed. */
export function newer(version: number): PotctlError {
  return new PotctlError('E_SETUP_NEWER', `the schema "potctl" is of version ${version}`, {
    why: `this potctl knows ${SCHEMA_VERSION}`,
  });
}
