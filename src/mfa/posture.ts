import { OVERVIEW_COLUMNS } from '../applications/application.js';
import type { Session } from '../postgres/server.js';
import { bitsOf } from './backup-codes.js';
import type { MfaDeps } from './deps.js';
import { countKeys, type KeyCount } from './key-check.js';
import { STATE_SQL } from './list.js';
import { type Counts, type PostureRule, rulesOf, worst } from './posture-rules.js';

/** What a monitor asks for. */
export interface Posture {
  readonly application: string;
  readonly state: PostureRule['state'];
  readonly rules: readonly PostureRule[];
  /** With `--keys`: how many secrets each key opens; null = not asked for. */
  readonly keys: readonly KeyCount[] | null;
}

/**
 * Looks at everybody's second factor for what should not be. One scan; with `keys` every sealed secret is opened, too.
 *
 * @throws E_APPLICATION, E_MFA_KEY, E_DB_*
 */
export async function checkPosture(deps: MfaDeps, wishes: { readonly keys: boolean }): Promise<Posture> {
  const { application, readsSecrets } = deps.database;
  const session = await deps.database.session('mfa.check');
  try {
    await session.query('set statement_timeout = 0');
    const keys =
      wishes.keys && application.sealed !== undefined ? await countKeys(deps, session, application.sealed) : null;
    const counts = await readCounts(deps, session);
    const rules = rulesOf(counts, {
      ...{ readsSecrets, requiredForAdmin: deps.policy.requiredForAdmin, keys, facts: application.facts },
      ...{
        sealed: application.totp.storedAs === 'envelope',
        bits: application.codes && bitsOf(application.codes.kind),
      },
    });
    return { application: application.name, state: worst(rules), rules, keys };
  } finally {
    await session.close();
  }
}

async function readCounts({ database, journal }: MfaDeps, session: Session): Promise<Counts> {
  const { application, readsSecrets } = database;
  const [people] = await session.query<Omit<Counts, 'blocked' | 'triggers' | 'oldEnrollments' | 'risky' | 'installed'>>(
    `select count(*)::int as users, count(*) filter (where enabled)::int as enabled,
            count(*) filter (where admin and active is not false and not enabled)::int as "adminsWithout",
            count(*) filter (where secret in ('base32', 'short', 'weak'))::int as "plainSecrets",
            count(*) filter (where enabled and secret in ('bcrypt', 'odd', 'weak', 'empty'))::int as unusable,
            count(*) filter (where not enabled and secret in ('bcrypt', 'odd', 'empty'))::int as "unusablePending",
            count(*) filter (where secret = 'short')::int as short, count(*) filter (where plain and codes > 0)::int as "plainCodes",
            count(*) filter (where enabled and secret = 'none' and last_used is null)::int as "enabledWithout",
            count(*) filter (where ${STATE_SQL} = 'pending')::int as pending,
            count(*) filter (where pending_since::timestamptz < clock_timestamp() - interval '24 hours')::int as "pendingOld",
            count(*) filter (where enabled and codes <= 3)::int as "fewCodes",
            count(*) filter (where enabled and admin and codes = 0)::int as "adminsNoCodes",
            count(*) filter (where locked_until is not null)::int as locked
       from (select ${OVERVIEW_COLUMNS} from (${application.overview(readsSecrets).sql}) as raw) as people`,
  );
  const installed = await journal.version(session);
  const own =
    installed !== null && installed >= 2
      ? await ownCounts(session)
      : { blocked: null, triggers: null, oldEnrollments: null };
  const [role] = await session.query<{ risky: boolean }>(
    'select rolsuper or rolbypassrls as risky from pg_roles where rolname = session_user',
  );
  return { ...people!, ...own, risky: role!.risky, installed };
}

async function ownCounts(session: Session): Promise<Pick<Counts, 'blocked' | 'triggers' | 'oldEnrollments'>> {
  const [row] = await session.query<{ blocked: number; triggers: number; oldEnrollments: number }>(
    `select (select count(distinct a.person)::int from potctl.mfa_attempt a
              where kind = 'block' and at > clock_timestamp() - interval '15 minutes'
                and not exists (select from potctl.mfa_attempt b where b.person = a.person and b.at > a.at and b.kind in ('ok', 'unlock', 'reset'))) as blocked,
            (select count(*)::int from pg_trigger where tgrelid = 'potctl.journal'::regclass and not tgisinternal and tgenabled = 'A') as triggers,
            (select count(*)::int from potctl.mfa_enrollment where started_at < clock_timestamp() - interval '24 hours') as "oldEnrollments"`,
  );
  return row!;
}
