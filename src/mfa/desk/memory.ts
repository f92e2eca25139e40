import { CLOCK, instant } from '../../applications/sql.js';
import { counted } from '../../kernel/counted.js';
import type { Session } from '../../postgres/server.js';
import type { RedFlag } from '../red-flag.js';
import { MAX_FAILURES } from './proofs.js';

/** Somebody said that the caller is somebody else: the owner, a colleague, or the ID. */
export interface Denial {
  /** Its number in the journal. */
  readonly seq: string;
  /** RFC 3339. */
  readonly at: string;
  readonly reason: string;
}

/** What the journal says of earlier calls about a person. */
export interface DeskMemory {
  /** In 24 hours. */
  readonly flagged: number;
  /** The newest one within 24 hours. */
  readonly denied: Denial | null;
  /** Checks that failed within the hour, without the one that was the operator's typing error. */
  readonly failed: number;
  /** Was a failed check within the hour said to be a typing error? One is believed. */
  readonly mistyped: boolean;
  /** Until when the desk is closed for this person on the phone, after three failed checks; RFC 3339. */
  readonly closedUntil: string | null;
}

/** Where nothing is known. */
export const NO_MEMORY: DeskMemory = { flagged: 0, denied: null, failed: 0, mistyped: false, closedUntil: null };

/** Reads it of a role that may read the journal. @param target the person, as the journal names people */
export async function readDeskMemory(session: Session, target: string): Promise<DeskMemory> {
  const [row] = await session.query<DeskMemory>(
    `with calls as (
       select seq, at, action, reason, details->>'event' as event, at > ${CLOCK} - interval '1 hour' as fresh
         from potctl.journal
        where target = $1 and action in ('mfa.flagged', 'mfa.proof', 'mfa.mistyped') and at > ${CLOCK} - interval '24 hours'
     ), counted as (
       select count(*) filter (where action = 'mfa.flagged')::int as flagged,
              count(*) filter (where action = 'mfa.proof' and fresh)::int as refused,
              bool_or(action = 'mfa.mistyped' and fresh) is true as mistyped,
              max(at) filter (where action = 'mfa.proof' and fresh) as failed_at
         from calls
     )
     select flagged, refused - mistyped::int as failed, mistyped,
            (select json_build_object('seq', seq::text, 'at', ${instant('at')}, 'reason', reason)
               from calls where event = 'DESK_CALLER_DENIED' order by seq desc limit 1) as denied,
            case when refused - mistyped::int >= ${MAX_FAILURES} then
              ${instant(`(failed_at + interval '1 hour')`)} end as "closedUntil"
       from counted`,
    [target],
  );
  return row!;
}

/** Code of the flag that a denial makes. */
export const CALLER_DENIED = 'caller_denied';

/** What should make everybody careful, at the desk and elsewhere. */
export function deskFlags({ flagged, denied }: DeskMemory): RedFlag[] {
  const again = flagged === 1 ? 'once' : counted(flagged, 'time');
  return [
    ...(denied === null
      ? []
      : [
          {
            code: CALLER_DENIED,
            text: `somebody else called the desk as this person (${denied.at}): ${denied.reason}`,
          },
        ]),
    ...(flagged > 0 ? [{ code: 'flagged', text: `flagged by the desk ${again} in the last 24 hours` }] : []),
  ];
}
