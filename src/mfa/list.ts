import { OVERVIEW_COLUMNS, type WithMfa } from '../applications/application.js';
import { isUuid } from '../applications/sql.js';
import { PotctlError } from '../kernel/errors.js';
import { quoteLiteral } from '../postgres/identifiers.js';
import type { MfaDeps, Uses } from './deps.js';
import { readBlocked } from './verifier-state.js';

/** One row of the list. */
export interface MfaRow {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
  readonly role: string | null;
  readonly admin: boolean;
  readonly active: boolean | null;
  readonly organizations: readonly string[];
  /** `unknown`: this database role cannot see pending enrollments. */
  readonly state: 'enabled' | 'pending' | 'off' | 'unknown';
  readonly since: string | null;
  readonly pending_since: string | null;
  readonly codes: number | null;
  readonly last_used: string | null;
  readonly locked_until: string | null;
}

/** Which users to list; null and false = no filter. */
export interface MfaFilter {
  readonly state?: MfaRow['state'] | 'locked' | 'no-codes' | null | undefined;
  readonly role?: string | null | undefined;
  /** Only users who must have a second factor: administrators. */
  readonly required?: boolean | undefined;
  /** Only users without an enabled second factor. */
  readonly missing?: boolean | undefined;
  readonly organization?: string | null | undefined;
  /** The last id of the previous page. */
  readonly after?: string | null | undefined;
  /** Maximum number of rows; 0 = all (default). */
  readonly limit?: number | undefined;
}

/** SQL that derives the state from a row of the overview. */
export const STATE_SQL = `case when enabled then 'enabled' when pending_since is not null or secret not in ('none', 'empty', 'hidden') then 'pending'
       when secret = 'hidden' then 'unknown' else 'off' end`;

/**
 * Streams users in batches, ordered by id, with constant memory.
 *
 * @throws E_UNSUPPORTED (organizations, codes), E_USAGE (a cursor of another list), E_APPLICATION, E_DB_*
 */
export async function* listPeople(
  deps: Uses<'database' | 'journal'>,
  filter: MfaFilter = {},
): AsyncGenerator<MfaRow[]> {
  const session = await deps.database.session('mfa.list');
  try {
    await session.query('set statement_timeout = 0');
    const { database, journal } = deps;
    const blocked =
      filter.state === 'locked'
        ? await readBlocked(session, await journal.version(session), database.application.name)
        : [];
    for await (const rows of session.stream(listSql(database, { ...filter, blocked }))) yield rows.map(rowOf);
  } finally {
    await session.close();
  }
}

function rowOf(cells: readonly (string | null)[]): MfaRow {
  const [id, email, username, role, admin, active, organizations, state, since, pending, codes, used, locked] = cells;
  return {
    ...{ id: id!, email: email!, username: username!, role: role!, admin: admin === 't' },
    active: active === null ? null : active === 't',
    organizations: organizations ? organizations.split(' ') : [],
    ...{ state: state as MfaRow['state'], since: since!, pending_since: pending! },
    ...{ codes: codes == null ? null : Number(codes), last_used: used!, locked_until: locked! },
  };
}

/**
 * Returns the SQL statement of a list; it has no parameters.
 *
 * @param filter.blocked ids of users whose codes potctl blocks at the moment
 * @throws E_UNSUPPORTED; E_USAGE for a cursor of another list
 */
export function listSql(
  { application, readsSecrets }: Pick<MfaDeps['database'], 'application' | 'readsSecrets'>,
  filter: MfaFilter & { readonly blocked: readonly string[] },
): string {
  refuseUnsupported(application, readsSecrets, filter);
  const { sql, keyType } = application.mfa.overview(readsSecrets);
  refuseOtherCursor(filter.after ?? null, keyType);
  return `select id, email, username, role, admin, active, organizations, ${STATE_SQL} as state, since, pending_since, codes,
                 last_used, locked_until
            from (select ${OVERVIEW_COLUMNS} from (${sql}) as raw) as people
           where ${conditions(filter, keyType).join(' and ')}
           order by key${filter.limit ? ` limit ${filter.limit}` : ''}`;
}

function refuseUnsupported(application: WithMfa, readsSecrets: boolean, filter: MfaFilter): void {
  if (filter.organization != null && !application.people.organizations) {
    throw new PotctlError('E_UNSUPPORTED', `organizations are not supported by '${application.name}'`);
  }
  if (filter.state !== 'no-codes' || (application.mfa.codes !== undefined && readsSecrets)) return;
  const why =
    application.mfa.codes === undefined
      ? 'the application has no backup codes'
      : 'this database role cannot read backup codes';
  throw new PotctlError('E_UNSUPPORTED', 'users without backup codes cannot be listed', { why });
}

/** Checked here, since the database would only report an invalid uuid. */
function refuseOtherCursor(after: string | null, keyType: 'uuid' | 'text'): void {
  if (after === null || keyType !== 'uuid' || isUuid(after)) return;
  throw new PotctlError('E_USAGE', `invalid cursor '${after}': it is not an id of this application`, {
    fix: ['Use the cursor of the last page of the same list.'],
  });
}

function conditions(filter: MfaFilter & { readonly blocked: readonly string[] }, keyType: 'uuid' | 'text'): string[] {
  const { state = null, role = null, required, missing, organization = null, after = null, blocked } = filter;
  const locked = [STATES.locked, ...blocked.map((id) => `id = ${quoteLiteral(id)}`)].join(' or ');
  return [
    'true',
    ...(state === null ? [] : [state === 'locked' ? `(${locked})` : STATES[state]]),
    ...(role === null ? [] : [`lower(role) = lower(${quoteLiteral(role)})`]),
    ...(required ? ['admin'] : []),
    ...(missing ? ['not enabled'] : []),
    ...(organization === null ? [] : [`${quoteLiteral(organization)} = any (string_to_array(organizations, ' '))`]),
    ...(after === null ? [] : [`key > ${quoteLiteral(after)}::${keyType}`]),
  ];
}

const STATES = {
  enabled: `${STATE_SQL} = 'enabled'`,
  pending: `${STATE_SQL} = 'pending'`,
  off: `${STATE_SQL} = 'off'`,
  unknown: `${STATE_SQL} = 'unknown'`,
  locked: 'locked_until is not null',
  'no-codes': 'enabled and codes = 0',
} as const;
