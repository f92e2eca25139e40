import { OVERVIEW_COLUMNS } from '../applications/application.js';
import { PotctlError } from '../errors.js';
import type { MfaDeps } from './deps.js';

/** A user in the list. */
export interface MfaRow {
  readonly id: string;
  readonly email: string | null;
  readonly username: string | null;
  readonly role: string | null;
  readonly admin: boolean;
  readonly active: boolean | null;
  readonly organizations: readonly string[];
  readonly state: 'enabled' | 'pending' | 'off';
  readonly since: string | null;
  readonly pending_since: string | null;
  readonly codes: number | null;
  readonly last_used: string | null;
  readonly locked_until: string | null;
}

/** Which users; null and false = all. */
export interface MfaFilter {
  readonly state: 'enabled' | 'pending' | 'off' | 'locked' | 'no-codes' | null;
  readonly role: string | null;
  /** Only those who must have a second factor: the administrators. */
  readonly required: boolean;
  /** Only those who have none. */
  readonly missing: boolean;
  readonly organization: string | null;
  /** The id of the last one of the page before. */
  readonly after: string | null;
  /** Rows at most; 0 = all. */
  readonly limit: number;
}

/** What an overview's row means, in SQL. */
export const STATE_SQL = `case when enabled then 'enabled' when secret not in ('none', 'empty', 'hidden') then 'pending' else 'off' end`;

/**
 * The users by id, in batches, read while they are taken: memory is flat at any number.
 *
 * @throws E_UNSUPPORTED (organisations, codes), E_APPLICATION, E_DB_*
 */
export async function* listPeople(deps: MfaDeps, filter: MfaFilter): AsyncGenerator<MfaRow[]> {
  const session = await deps.database.session('mfa.list');
  try {
    const { sql, values } = listSql(deps, filter);
    for await (const rows of session.stream<MfaRow & { organizations: string }>(sql, values)) {
      yield rows.map((row) => ({
        ...row,
        organizations: row.organizations === '' ? [] : row.organizations.split(' '),
      }));
    }
  } finally {
    await session.close();
  }
}

function listSql({ database }: MfaDeps, filter: MfaFilter): { sql: string; values: unknown[] } {
  const { application, readsSecrets } = database;
  if (filter.organization !== null && application.name !== 'evo') {
    throw new PotctlError('E_UNSUPPORTED', `organisations are not supported by '${application.name}'`);
  }
  if (filter.state === 'no-codes' && (application.codes === undefined || !readsSecrets)) {
    const why = application.codes === undefined ? 'the application has no backup codes' : 'this role may not see codes';
    throw new PotctlError('E_UNSUPPORTED', 'nobody can say who has no codes', { why });
  }
  const { sql, keyType } = application.overview(readsSecrets);
  const limit = filter.limit === 0 ? '' : ` limit ${filter.limit}`;
  const text = `select id, email, username, role, admin, active, organizations, ${STATE_SQL} as state, since, pending_since, codes,
                       last_used, locked_until
                  from (select ${OVERVIEW_COLUMNS} from (${sql}) as raw) as people
                 where ($1::text is null or ${STATES}) and ($2::text is null or lower(role) = lower($2))
                   and (not $3::boolean or admin) and (not $4::boolean or not enabled)
                   and ($5::text is null or $5 = any (string_to_array(organizations, ' ')))
                   and ($6::${keyType} is null or key > $6::${keyType})
                 order by key${limit}`;
  const { state, role, required, missing, organization, after } = filter;
  return { sql: text, values: [state, role, required, missing, organization, after] };
}

const STATES = `case $1 when 'locked' then locked_until is not null
                        when 'no-codes' then enabled and codes = 0
                        else ${STATE_SQL} = $1 end`;
