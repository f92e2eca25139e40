import { verb } from '../kernel/counted.js';
import type { Session } from '../postgres/server.js';
import type { Cause, Seen } from './diagnosis.js';
import { PERIOD_S } from './totp.js';

/** So long somebody may take to read six digits aloud and to have them typed. */
const TYPING_S = 60;

const certain = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'certain', next });
const likely = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'likely', next });

/** What a given code says; null = none was given, or it was not looked at. */
export function codeCause(seen: Seen, who: string): Cause | null {
  const { verdict } = seen;
  if (verdict === null || verdict.verdict === 'blocked') return null;
  if (verdict.verdict === 'replayed')
    return certain('replayed', 'the code is right, but was used before', `potctl mfa status ${who}`);
  if (verdict.verdict === 'spent')
    return likely(
      'spent',
      'the code is right, but the application took a code in the same half minute, perhaps this one: the next one tells',
      `potctl mfa explain ${who} --ask-code`,
    );
  if (verdict.verdict === 'accepted') {
    return verdict.by === 'backup'
      ? certain(
          'backup_code',
          `it is one of the backup codes, used up now; ${verdict.left} ${verb(verdict.left, 'is', 'are')} left`,
          `potctl mfa codes ${who}`,
        )
      : certain('code_right', `the code is right${driftText(verdict.match.offset)}: the cause is not the code`);
  }
  if (verdict.match === null) {
    return likely(
      'code_wrong',
      'the code fits nothing within ten minutes: another account in the app, or an old secret',
      ...[`potctl mfa reset ${who}`, `potctl mfa enroll ${who}`],
    );
  }
  const { step, offset } = verdict.match;
  return offset < 0 ? tooLate(seen, step, offset, who) : tooEarly(seen, step);
}

const SET_TIME = 'let the phone set its time by the network';

/**
 * A code that is over may have been typed slowly. A phone is slow for certain only when codes come late by the same time again; codes of the
 * step before are no sign of it, however many.
 */
function tooLate({ nowMs, earlierOffsets }: Seen, step: number, offset: number, who: string): Cause {
  const late = Math.max(0, Math.floor(nowMs / 1_000) - (step + 1) * PERIOD_S);
  const again = earlierOffsets.some((earlier) => Math.max(earlier, offset) <= -2 && Math.abs(earlier - offset) <= 1);
  const ask = `potctl mfa explain ${who} --ask-code`;
  if (again) {
    const text = `codes come about ${Math.abs(offset) * PERIOD_S} s late again and again: the clock of the phone is slow; ${SET_TIME}`;
    return certain('clock_slow', text);
  }
  return late <= TYPING_S
    ? likely(
        'code_late',
        `the code was right until ${late} s ago: it came too late; ask for a fresh one, typed as soon as the app shows it`,
        ask,
      )
    : likely(
        'clock_slow',
        `the code was right until ${late} s ago: the clock of the phone is slow, or it was an old code; ask for a fresh one`,
        ask,
      );
}

/** Nobody can type a code before it is shown. */
function tooEarly({ nowMs }: Seen, step: number): Cause {
  const early = Math.max(1, step * PERIOD_S - Math.floor(nowMs / 1_000));
  return certain('clock_fast', `the code will be right in ${early} s: the clock of the phone is fast; ${SET_TIME}`);
}

/** The code that is shown tells the time of the phone to within a step; one step is also the time that typing takes. */
function driftText(offset: number): string {
  if (offset === 0) return ', right now';
  return offset < 0 ? `, shown ${-offset * PERIOD_S} s ago` : `, shown ${offset * PERIOD_S} s too early`;
}

/** By how many steps this person's refused codes of the last day were off, the newest first. */
export async function readOffsets(session: Session, target: string): Promise<number[]> {
  const rows = await session.query<{ offset: number }>(
    `select (details->>'offset_steps')::pg_catalog.int4 as offset from potctl.journal
      where target = $1 and status = 'refused' and pg_catalog.jsonb_exists(details, 'offset_steps') and at > pg_catalog.clock_timestamp() - interval '1 day'
      order by seq desc limit 10`,
    [target],
  );
  return rows.map(({ offset }) => offset);
}
