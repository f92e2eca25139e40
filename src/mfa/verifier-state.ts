import { CLOCK, instant } from '../applications/sql.js';
import type { Session } from '../postgres/server.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import { type DeskMemory, readDeskMemory } from './desk/memory.js';

/** What potctl itself stores about a person. */
export interface VerifierState {
  /** Until when codes are blocked; `infinity`: until an operator resets it; null = not blocked. */
  readonly blockedUntil: string | null;
  readonly failures24h: number;
  readonly lastFailureAt: string | null;
  readonly lastSuccessAt: string | null;
  /** Refused codes since the last accepted one; 100 lock the factor. */
  readonly failuresSinceSuccess: number;
  /** When potctl started the pending enrollment. */
  readonly enrollmentAt: string | null;
  /** Mark of that enrollment's secret. */
  readonly enrollmentMark: string | null;
  /** When potctl last enabled the factor. */
  readonly confirmedAt: string | null;
  /** Valid codes that were used twice, in the last 30 days. */
  readonly replays: number;
  readonly resets: readonly PastReset[];
  /** What the support desk recorded. */
  readonly desk: DeskMemory;
}

/** Formats a lock's end for a sentence: `until 2026-…`. */
export const untilText = (until: string): string =>
  until === 'infinity' ? 'permanently' : `until ${instantText(until)}`;

/** `2026-11-22T00:15:00.178000Z` → `2026-11-22 00:15:00Z`, for texts. */
export const instantText = (instant: string): string => instant.replace('T', ' ').replace(/\.\d+(?=Z$)/, '');

/** A reset or disable of the last 90 days. */
export interface PastReset {
  readonly at: string;
  readonly action: string;
  /** The database role, as authenticated by the server. */
  readonly db_role: string;
  /** The operator, as claimed. */
  readonly operator: string;
  readonly ticket: string | null;
  readonly reason: string;
}

/**
 * Reads what potctl stores about a person, without locks.
 *
 * @param installed the version of potctl's schema; null = none
 * @returns null if it is not installed, or this role cannot read it
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

/** Returns the ids of users whose codes potctl blocks now; empty if potctl is not set up, or the role cannot read its schema. */
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
