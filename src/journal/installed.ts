import { PotctlError } from '../kernel/errors.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';

/** The newest version of potctl's own schema that this program supports; templates/sql/potctl-<n>.sql upgrades from n - 1 to n. */
export const SCHEMA_VERSION = 3;

/** The newest version of the reference application's functions; templates/sql/native-<n>.sql upgrades from n - 1 to n. */
export const NATIVE_VERSION = 2;

/**
 * Reads the version of the schema `potctl` in the session's database; null = not installed.
 *
 * @throws E_REFUSED if a schema of that name is not from potctl, E_DB_DENIED if the role has no USAGE on it
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
    throw new PotctlError('E_REFUSED', 'the database has a schema "potctl" that was not created by potctl', {
      fix: ['Check what it contains, and rename it: ALTER SCHEMA potctl RENAME TO …'],
    });
  }
  if (!found.usable) {
    throw new PotctlError('E_DB_DENIED', 'this database role cannot use the schema "potctl"', {
      fix: ['Use the role that installed it, or run as that role: GRANT USAGE ON SCHEMA potctl TO …'],
    });
  }
  const [row] = await session.query<{ version: number }>('select max(version) as version from potctl.schema_version');
  return row!.version;
}

/** @throws E_SETUP_MISSING if the journal is not installed, E_SETUP_NEWER; and as {@link readSchemaVersion} */
export async function requireJournal(session: Session): Promise<void> {
  const version = await readSchemaVersion(session);
  if (version === null)
    throw new PotctlError('E_SETUP_MISSING', 'the journal of potctl is not installed in this database');
  if (version > SCHEMA_VERSION) throw newer(version);
}

/** What is wrong with what `potctl setup` installed, and the command that fixes it. */
export interface SetupProblem {
  readonly detail: string;
  readonly fix: Advice;
}

/**
 * Checks whether an older, insecure version is installed. Reads only the catalog, so every role can do it; null = no problem, or not
 * installed.
 *
 * @throws E_DB_*
 */
export async function readSetupProblem(session: Session): Promise<SetupProblem | null> {
  const [found] = await session.query<{ open: string[] | null }>(OPEN_FUNCTIONS);
  if (found!.open !== null) {
    return {
      detail: `an old schema "potctl" is installed: roles that can execute ${found!.open.join(', ')} can run code as its owner`,
      fix: potctl('setup'),
    };
  }
  const native = await readNative(session);
  if (native.version === 1) {
    return {
      detail: 'the schema "potctl_app" has version 1, which allows changes of second factors without a journal entry',
      fix: potctl('setup', '--application', 'native'),
    };
  }
  if (native.version === null || !(await hasOldRights(session))) return null;
  return {
    detail: 'the role potctl_support can still write to the tables of "potctl_app" directly, without a journal entry',
    fix: potctl('grants', 'sql', '--role', 'support'),
  };
}

/** Says which version of potctl's own schema is installed, and if none, the command that installs it. @throws E_DB_UNREACHABLE */
export async function describeInstalled(
  session: Session,
): Promise<{ readonly detail: string; readonly next?: Advice }> {
  try {
    const version = await readSchemaVersion(session);
    if (version === null) return { detail: 'not installed; the mfa commands need it', next: potctl('setup') };
    if (version === SCHEMA_VERSION) return { detail: `version ${version}, up to date` };
    return { detail: `version ${version}; this potctl installs version ${SCHEMA_VERSION}` };
  } catch (error) {
    if (error instanceof PotctlError && error.code !== 'E_DB_UNREACHABLE') return { detail: error.message };
    throw error;
  }
}

/** Returns whether the role has rights that an older `grants sql` printed. */
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

/** Whether the reference application is installed. */
export interface InstalledNative {
  /** null = not installed. */
  readonly version: number | null;
  /** Whether this role can act as the owner of its tables. */
  readonly owned: boolean;
}

/** Detects the reference application. Reads only the catalog. */
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
 * Returns what keeps a support login from changing second factors without a journal entry. Reads only the catalog.
 *
 * @param schema of the application's tables; null = no application
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

/** SECURITY DEFINER functions without a safe search_path, or that PUBLIC can execute. */
const OPEN_FUNCTIONS = `
  select pg_catalog.array_agg(p.proname::pg_catalog.text order by p.proname) as open
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname = 'potctl' and p.prosecdef
     and (not exists (select from pg_catalog.unnest(p.proconfig) as c (setting)
                                       where c.setting ~ '^search_path=.*pg_temp"?$')
          or p.proacl is null
          or exists (select from pg_catalog.aclexplode(p.proacl) a where a.grantee = 0))`;

/** Returns the error for a schema that a newer potctl installed. */
export function newer(version: number): PotctlError {
  return new PotctlError('E_SETUP_NEWER', `the schema "potctl" has version ${version}`, {
    why: `this potctl supports version ${SCHEMA_VERSION}`,
  });
}
