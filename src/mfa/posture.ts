import { OVERVIEW_COLUMNS, type TotpRules, type WithMfa } from '../applications/application.js';
import { CLOCK } from '../applications/sql.js';
import type { CheckState } from '../kernel/check.js';
import { quoteLiteral } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';
import { bitsOf } from './backup-codes.js';
import type { Uses } from './deps.js';
import { MFA_SCHEMA_VERSION, type MfaDeps } from './deps.js';
import { countKeys, type KeyCount } from './key-check.js';
import { STATE_SQL } from './list.js';
import { type Counts, type PostureCheck, rulesOf, worst } from './posture-rules.js';
import { SHORT_BITS, WEAK_BITS } from './stored-secret.js';

/** The result of checking all second factors. */
export interface Posture {
  readonly application: string;
  readonly state: CheckState;
  readonly rules: readonly PostureCheck[];
  /** With `--keys`: secrets per key; null = not requested. */
  readonly keys: readonly KeyCount[] | null;
}

/**
 * Checks all second factors for weaknesses, in one scan; with `keys` also decrypts every stored secret.
 *
 * @throws E_APPLICATION, E_MFA_KEY, E_DB_*
 */
export async function checkPosture(
  deps: Uses<'database' | 'journal' | 'policy' | 'keys'>,
  options: { readonly keys?: boolean | undefined } = {},
): Promise<Posture> {
  const { application, readsSecrets } = deps.database;
  const { mfa } = application;
  const session = await deps.database.session('mfa.check');
  try {
    await session.query('set statement_timeout = 0');
    const keys = options.keys && mfa.sealed !== undefined ? await countKeys(deps, session, mfa.sealed.all) : null;
    const counts = await readCounts(deps, session);
    const rules = rulesOf(counts, {
      ...{ readsSecrets, requiredForAdmin: deps.policy.requiredForAdmin, keys, facts: mfa.facts },
      ...{
        sealed: mfa.totp.storedAs === 'envelope',
        bits: mfa.codes && bitsOf(mfa.codes.kind),
      },
    });
    return { application: application.name, state: worst(rules), rules, keys };
  } finally {
    await session.close();
  }
}

type PeopleCounts = Omit<Counts, 'blocked' | 'triggers' | 'risky' | 'installed' | 'problem' | 'guard' | 'unrecorded'>;

async function readCounts({ database, journal }: Uses<'database' | 'journal'>, session: Session): Promise<Counts> {
  const installed = await journal.version(session);
  const own = installed !== null && installed >= MFA_SCHEMA_VERSION;
  const [people] = await session.query<PeopleCounts>(peopleSql(database, own));
  const [role] = await session.query<{ risky: boolean }>(
    'select rolsuper or rolbypassrls as risky from pg_roles where rolname = session_user',
  );
  return {
    ...people!,
    ...(own ? await ownCounts(session) : { blocked: null, triggers: null }),
    risky: role!.risky,
    installed,
    problem: await journal.problem(session),
    guard: await journal.guard(session, database.schema),
    unrecorded: own && database.application.mfa.changes ? await unrecorded(database.application, session) : null,
  };
}

/** Returns the users whose last change neither potctl nor the application recorded. */
async function unrecorded({ name, mfa: { changes } }: WithMfa, session: Session): Promise<string[]> {
  const rows = await session.query<{ person: string }>(
    `select distinct $1 || ':' || c.id as person from (${changes}) as c
      where not c.recorded
        and not exists (select from potctl.journal j
                         where j.target = $1 || ':' || c.id and j.status = 'done' and j.action = any (c.actions)
                           and j.at between c.at - pg_catalog.make_interval(mins => 1) and c.at + pg_catalog.make_interval(mins => 1))
      order by person`,
    [name],
  );
  return rows.map(({ person }) => person);
}

/** @param own whether potctl's schema is installed */
function peopleSql({ application, readsSecrets }: MfaDeps['database'], own: boolean): string {
  const unusable = unusableClasses(application.mfa.totp);
  // If the application does not store when an enrollment began, potctl knows it for its own enrollments.
  const since = own ? 'coalesce(pending_since::timestamptz, e.started_at)' : 'pending_since::timestamptz';
  const begun = `left join potctl.mfa_enrollment e on e.person = ${quoteLiteral(`${application.name}:`)} || id`;
  return `select count(*)::int as users, count(*) filter (where enabled)::int as enabled,
                 count(*) filter (where admin and active is not false and not enabled)::int as "adminsWithout",
                 count(*) filter (where secret in ('base32', 'short', 'weak'))::int as "plainSecrets",
                 count(*) filter (where enabled and secret in (${unusable}))::int as unusable,
                 count(*) filter (where not enabled and secret in (${unusable}))::int as "unusablePending",
                 count(*) filter (where secret = 'short')::int as short,
                 count(*) filter (where plain and codes > 0)::int as "plainCodes",
                 count(*) filter (where enabled and secret = 'none' and last_used is null)::int as "enabledWithout",
                 count(*) filter (where ${STATE_SQL} = 'pending')::int as pending,
                 count(*) filter (where ${STATE_SQL} = 'pending' and ${since} < ${CLOCK} - interval '24 hours')::int as "pendingOld",
                 count(*) filter (where enabled and codes <= 3)::int as "fewCodes",
                 count(*) filter (where enabled and admin and codes = 0)::int as "adminsNoCodes",
                 count(*) filter (where locked_until is not null)::int as locked
            from (select ${OVERVIEW_COLUMNS} from (${application.mfa.overview(readsSecrets).sql}) as raw) as people ${own ? begun : ''}`;
}

/** @see secretClass, readStoredSecret */
function unusableClasses({ minBytes }: TotpRules): string {
  const weak = minBytes * 8 >= WEAK_BITS ? ['weak'] : [];
  const short = minBytes * 8 >= SHORT_BITS ? ['short'] : [];
  return ['bcrypt', 'odd', 'empty', ...weak, ...short].map(quoteLiteral).join(', ');
}

async function ownCounts(session: Session): Promise<Pick<Counts, 'blocked' | 'triggers'>> {
  const [row] = await session.query<{ blocked: number; triggers: number }>(
    `select (select count(distinct a.person)::int from potctl.mfa_attempt a
              where kind = 'block' and at > ${CLOCK} - interval '15 minutes'
                and not exists (select from potctl.mfa_attempt b where b.person = a.person and b.at > a.at and b.kind in ('ok', 'unlock', 'reset'))) as blocked,
            (select count(*)::int from pg_trigger where tgrelid = 'potctl.journal'::regclass and not tgisinternal and tgenabled = 'A') as triggers`,
  );
  return row!;
}
