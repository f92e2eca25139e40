import { CLOCK, instant } from '../../applications/sql.js';
import { counted } from '../../kernel/counted.js';
import type { Session } from '../../postgres/server.js';
import type { RedFlag } from '../red-flag.js';
import { MAX_FAILURES } from './proofs.js';

/** The owner, a colleague or an ID showed that a caller was somebody else. */
export interface Denial {
  /** Number of its journal entry. */
  readonly seq: string;
  /** RFC 3339. */
  readonly at: string;
  readonly reason: string;
}

/** What the journal knows of earlier calls about a person. */
export interface DeskMemory {
  /** How often the person was flagged in the last 24 hours. */
  readonly flagged: number;
  /** The newest denial of the last 24 hours. */
  readonly denied: Denial | null;
  /** Checks that failed in the last hour, without the operator's typing error. */
  readonly failed: number;
  /** The operator declared a failed check of the last hour a typing error; allowed once. */
  readonly mistyped: boolean;
  /** After three failed checks: until then this person is not helped on the phone; RFC 3339. */
  readonly closedUntil: string | null;
}

/** The memory of a person without earlier calls. */
export const NO_MEMORY: DeskMemory = { flagged: 0, denied: null, failed: 0, mistyped: false, closedUntil: null };

/** Reads earlier calls from the journal; the role must be able to read it. @param target the person, as the journal names people */
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

/** Code of the red flag for a denial. */
export const CALLER_DENIED = 'caller_denied';

/** Returns red flags from earlier calls, for the desk and for `mfa status`. */
export function deskFlags({ flagged, denied }: DeskMemory): RedFlag[] {
  const again = flagged === 1 ? 'once' : counted(flagged, 'time');
  return [
    ...(denied === null
      ? []
      : [
          {
            code: CALLER_DENIED,
            text: `somebody else called support as this person (${denied.at}): ${denied.reason}`,
          },
        ]),
    ...(flagged > 0 ? [{ code: 'flagged', text: `flagged by support ${again} in the last 24 hours` }] : []),
  ];
}
