import { CLOCK, instant } from '../applications/sql.js';
import type { Session } from '../postgres/server.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import { type DeskMemory, readDeskMemory } from './desk/memory.js';

/** What potctl itself remembers of a person. */
export interface VerifierState {
  /** Until when no code is looked at; `infinity`: until an operator resets it; null = not blocked. */
  readonly blockedUntil: string | null;
  readonly failures24h: number;
  readonly lastFailureAt: string | null;
  readonly lastSuccessAt: string | null;
  /** Since the last success: at 100 the factor is locked. */
  readonly failuresSinceSuccess: number;
  /** When the pending enrolment was begun by potctl. */
  readonly enrollmentAt: string | null;
  /** Of which secret that was, by its mark. */
  readonly enrollmentMark: string | null;
  /** When potctl switched the factor on for the last time. */
  readonly confirmedAt: string | null;
  /** Valid codes that were used twice, in 30 days. */
  readonly replays: number;
  readonly resets: readonly PastReset[];
  /** What the support desk noted. */
  readonly desk: DeskMemory;
}

/** `until 2026-…`, for a sentence. */
export const untilText = (until: string): string => (until === 'infinity' ? 'for ever' : `until ${until}`);

/** A reset or disable of the last 90 days. */
export interface PastReset {
  readonly at: string;
  readonly action: string;
  /** The login, which the database proved. */
  readonly db_role: string;
  /** What it called itself. */
  readonly operator: string;
  readonly ticket: string | null;
  readonly reason: string;
}

/**
 * Reads it, without locks.
 *
 * @param installed the version of potctl's schema; null = none
 * @returns null where it is not installed, or this role may not read it
 */
export async function readVerifierState(
  session: Session,
  installed: number | null,
  person: string,
): Promise<VerifierState | null> {
  if (installed === null || installed < MFA_SCHEMA_VERSION || !(await mayRead(session))) return null;
  const [row] = await session.query<Omit<VerifierState, 'resets' | 'desk'>>(STATE, [person]);
  const resets = await session.query<PastReset>(
    `select ${instant('at')} as at, action, db_role, operator, ticket, reason from potctl.journal
      where target = $1 and action in ('mfa.reset', 'mfa.disable') and status = 'done'
        and (details->>'changed') is distinct from 'false' and at > ${CLOCK} - interval '90 days'
      order by seq desc limit 20`,
    [person],
  );
  return { ...row!, resets, desk: await readDeskMemory(session, person) };
}

/** Ids of the people of an application at whose codes potctl does not look now; none where it is not set up, or may not be read. */
export async function readBlocked(session: Session, installed: number | null, application: string): Promise<string[]> {
  if (installed === null || installed < MFA_SCHEMA_VERSION || !(await mayRead(session))) return [];
  const rows = await session.query<{ id: string }>(
    `select substr(person, length($1) + 2) as id from potctl.mfa_attempt
      where starts_with(person, $1 || ':')
      group by person
     having count(*) filter (where kind in ('totp', 'backup')
                              and at > coalesce((select max(b.at) from potctl.mfa_attempt b
                                                  where b.person = mfa_attempt.person and b.kind in ('ok', 'reset')), '-infinity')) >= 100
         or max(at) filter (where kind = 'block') > greatest(${CLOCK} - interval '15 minutes',
                                                             max(at) filter (where kind in ('ok', 'reset', 'unlock')))`,
    [application],
  );
  return rows.map(({ id }) => id);
}

async function mayRead(session: Session): Promise<boolean> {
  const [row] = await session.query<{ may: boolean }>(
    `select bool_and(has_table_privilege(name, 'select')) as may
       from unnest(array['potctl.mfa_attempt', 'potctl.mfa_enrollment', 'potctl.journal']) as t (name)`,
  );
  return row!.may;
}

const STATE = `
  with attempts as (select kind, at from potctl.mfa_attempt where person = $1),
       marks as (select coalesce(max(at) filter (where kind in ('ok', 'reset')), '-infinity') as success,
                        coalesce(max(at) filter (where kind in ('ok', 'reset', 'unlock')), '-infinity') as fresh from attempts),
       counts as (select count(*) filter (where kind in ('totp', 'backup') and at > success)::int as since_success,
                         count(*) filter (where kind in ('totp', 'backup') and at > ${CLOCK} - interval '24 hours')::int as day,
                         max(at) filter (where kind in ('totp', 'backup')) as failed, max(at) filter (where kind = 'ok') as passed,
                         max(at) filter (where kind = 'block' and at > fresh) + interval '15 minutes' as blocked
                    from attempts, marks)
  select case when since_success >= 100 then 'infinity'
              when blocked > ${CLOCK} then ${instant('blocked')} end as "blockedUntil",
         day as "failures24h", ${instant('failed')} as "lastFailureAt", ${instant('passed')} as "lastSuccessAt",
         since_success as "failuresSinceSuccess",
         (select ${instant('max(started_at)')} from potctl.mfa_enrollment where person = $1) as "enrollmentAt",
         (select max(split_part(factor, '#', 2)) from potctl.mfa_enrollment where person = $1) as "enrollmentMark",
         (select ${instant('max(at)')} from potctl.journal where target = $1 and action = 'mfa.confirm' and status = 'done') as "confirmedAt",
         (select count(*)::int from potctl.journal where target = $1 and details->>'event' = 'MFA_CODE_REPLAYED'
             and at > ${CLOCK} - interval '30 days') as replays
    from counts`;
