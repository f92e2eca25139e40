import { OVERVIEW_COLUMNS } from '../applications/application.js';
import { CLOCK } from '../applications/sql.js';
import type { MfaDeps, Uses } from './deps.js';
import { STATE_SQL } from './list.js';

/** The users of one role, by state of their second factor. */
export interface MfaGroup {
  readonly role: string;
  readonly users: number;
  readonly enabled: number;
  readonly pending: number;
  /** Users whose state this database role cannot see. */
  readonly unknown: number;
  readonly off: number;
  /** Users without an enabled one: pending, unknown and off together. */
  readonly disabled: number;
  /** Enabled, but without backup codes; null = the application has none, or this role cannot read them. */
  readonly no_codes: number | null;
  /** Two decimals, as in the applications' own statistics: `66.67`; `0` without users. */
  readonly enabled_percentage: string;
}

/** How many users have a second factor. Some names are those of the applications' own statistics. */
export interface MfaStats {
  readonly application: string;
  readonly total: number;
  readonly enabled: number;
  readonly disabled: number;
  readonly enabledPercentage: string;
  readonly pending: number;
  readonly unknown: number;
  readonly admins: { readonly total: number; readonly enabled: number };
  readonly groups: readonly MfaGroup[];
  /** Resets with potctl in the last 30 days; null = no journal. */
  readonly resets_30d: number | null;
}

interface Counted {
  readonly role: string | null;
  readonly whole: boolean;
  readonly users: number;
  readonly enabled: number;
  readonly pending: number;
  readonly unknown: number;
  readonly no_codes: number | null;
  readonly admins: number;
  readonly admins_enabled: number;
}

/** Counts all users in one scan. @throws E_APPLICATION, E_DB_* */
export async function readStats({ database, journal }: Uses<'database' | 'journal'>): Promise<MfaStats> {
  const session = await database.session('mfa.stats');
  try {
    const { application } = database;
    await session.query('set statement_timeout = 0');
    const rows = await session.query<Counted>(statsSql(database));
    const all = rows.find(({ whole }) => whole)!;
    const { users: total, enabled, pending, unknown } = all;
    return {
      application: application.name,
      ...{ total, enabled, disabled: total - enabled, enabledPercentage: percentage(enabled, total) },
      ...{ pending, unknown },
      admins: { total: all.admins, enabled: all.admins_enabled },
      groups: rows.filter(({ whole }) => !whole).map(groupOf),
      resets_30d: (await journal.version(session)) === null ? null : await resets(session),
    };
  } finally {
    await session.close();
  }
}

/** Returns the SQL statement of the statistics. */
export const statsSql = ({
  application,
  readsSecrets,
}: Pick<MfaDeps['database'], 'application' | 'readsSecrets'>): string =>
  `select role, grouping(role) = 1 as whole, count(*)::int as users, count(*) filter (where enabled)::int as enabled,
              count(*) filter (where ${STATE_SQL} = 'pending')::int as pending,
              count(*) filter (where ${STATE_SQL} = 'unknown')::int as unknown,
              ${application.mfa.codes && readsSecrets ? '(count(*) filter (where enabled and codes = 0))::int' : 'null::int'} as no_codes,
              count(*) filter (where admin)::int as admins, count(*) filter (where admin and enabled)::int as admins_enabled
         from (select ${OVERVIEW_COLUMNS} from (${application.mfa.overview(readsSecrets).sql}) as raw) as people
        group by grouping sets ((role), ()) order by role nulls last`;

const groupOf = ({ role, users, enabled, pending, unknown, no_codes }: Counted): MfaGroup => ({
  ...{ role: role ?? '–', users, enabled, pending, unknown, no_codes },
  ...{ off: users - enabled - pending - unknown, disabled: users - enabled },
  enabled_percentage: percentage(enabled, users),
});

const percentage = (part: number, whole: number): string => (whole === 0 ? '0' : ((part / whole) * 100).toFixed(2));

async function resets(session: { query<R extends object>(sql: string): Promise<R[]> }): Promise<number> {
  const [row] = await session.query<{ count: number }>(
    `select count(*)::int as count from potctl.journal
      where action in ('mfa.reset', 'mfa.disable') and status = 'done' and details->>'changed' = 'true'
        and at > ${CLOCK} - interval '30 days'`,
  );
  return row!.count;
}
