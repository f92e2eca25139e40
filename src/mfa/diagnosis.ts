import { verb } from '../kernel/counted.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Verdict } from './attempt.js';
import type { Uses } from './deps.js';
import { argumentOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { MfaStatus } from './status.js';
import { PERIOD_S } from './totp.js';
import { untilText } from './verifier-state.js';

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly result: 'ok' | 'problem' | 'unknown' | 'info';
  readonly detail: string;
}

/** The answer to "why can a person not sign in?". */
export interface Diagnosis {
  readonly user: MfaStatus['user'];
  readonly verdict: {
    readonly code: string;
    readonly text: string;
    readonly confidence: 'certain' | 'likely' | 'none';
  };
  /** What a given code says; null = none was given, or there was nothing to check it with. */
  readonly code: {
    readonly match: boolean;
    readonly offset_steps: number | null;
    readonly offset_s: number | null;
  } | null;
  readonly evidence: readonly Finding[];
  /** Commands, most likely first. */
  readonly next: readonly Advice[];
}

/** What a diagnosis rests on. */
export interface Seen {
  readonly status: MfaStatus;
  readonly record: MfaRecord;
  readonly verdict: Verdict | null;
  readonly clockMs: number;
  readonly codeGiven: boolean;
  /** The database's clock when the code was looked at, ms since 1970. */
  readonly nowMs: number;
  /** By how many steps earlier refused codes of the day were off, the newest first. */
  readonly earlierOffsets: readonly number[];
}

/** A verdict with the commands that help. */
export type Cause = Diagnosis['verdict'] & { readonly next: readonly Advice[] };

/** Puts what was seen together: the first cause that explains it, and everything that was looked at. */
export function diagnose(deps: Uses<'database' | 'policy'>, seen: Seen): Diagnosis {
  const cause = causes(deps, seen).find((one) => one !== null)!;
  const { next, ...verdict } = cause;
  return { user: seen.status.user, verdict, code: codeOf(seen.verdict), evidence: evidence(deps, seen), next };
}

const certain = (code: string, text: string, ...next: Advice[]): Cause => ({ code, text, confidence: 'certain', next });
const likely = (code: string, text: string, ...next: Advice[]): Cause => ({ code, text, confidence: 'likely', next });

/** In the order in which they explain: what keeps everybody out first. */
function causes(deps: Uses<'database' | 'policy'>, seen: Seen): (Cause | null)[] {
  const who = argumentOf(seen.record.person);
  const nothing = 'nothing in the database keeps this person out: ask for the code that the app shows now';
  const next = seen.codeGiven ? [] : [potctl('mfa', 'explain', who, '--ask-code')];
  return [
    ...accountCauses(seen, who),
    ...secretCauses(seen, who),
    ...stateCauses(deps, seen, who),
    codeCause(seen, who),
    ...clockCauses(seen),
    seen.status.lock?.by === 'potctl' ? blockedByPotctl(seen.status.lock.until, who) : null,
    { code: 'nothing_found', text: nothing, confidence: 'none', next },
  ];
}

function accountCauses({ record: { person } }: Seen, who: string): (Cause | null)[] {
  const { lockedUntil: until } = person;
  const locked = until === null ? '' : `the application refuses this person ${untilText(until)}`;
  return [
    person.active === false ? certain('account_inactive', 'the account is switched off in the application') : null,
    until === null ? null : certain('locked', locked, potctl('mfa', 'unlock', who)),
  ];
}

function secretCauses({ status }: Seen, who: string): (Cause | null)[] {
  const again = [potctl('mfa', 'reset', who), potctl('mfa', 'enroll', who)];
  const words = status.factors.filter(({ state }) => state === 'enabled').map(({ secret }) => secret ?? '');
  // One that works lets the person in, whatever the others are.
  if (words.some((word) => word.startsWith('good'))) return [];
  const broken = words.find((word) => word.startsWith('never works'));
  const sealed = words.find((word) => word.startsWith('cannot be opened'));
  return [
    broken === undefined ? null : certain('secret_unusable', `no code can ever be right: ${broken}`, ...again),
    sealed === undefined ? null : certain('key_missing', `the secret ${sealed}`, potctl('mfa', 'check', '--keys')),
    unanswerable(status) ? certain('factor_unsupported', FOREIGN, ...again) : null,
    words.includes('missing')
      ? certain('secret_missing', 'the factor is on, but has no secret: no code can ever be right', ...again)
      : null,
  ];
}

const FOREIGN = 'a factor is on that the application cannot ask for: every sign-in ends there';

/** Factors of a kind that neither an app nor a key answers. */
function unanswerable({ factors }: MfaStatus): boolean {
  const on = factors.filter(({ state }) => state === 'enabled');
  return on.length > 0 && on.every(({ kind }) => kind !== 'totp' && kind !== 'webauthn');
}

function stateCauses(
  { policy, database }: Uses<'database' | 'policy'>,
  { record }: Seen,
  who: string,
): (Cause | null)[] {
  const { person, state } = record;
  const required = database.application.mfa.facts.requiredForAdmin ?? 'an administrator must have a second factor';
  return [
    state !== 'enabled' && person.isAdmin && policy.requiredForAdmin
      ? certain('required_not_enrolled', required, potctl('mfa', 'enroll', who, '--break-glass'))
      : null,
    state === 'pending' ? halfEnrolled(record, who) : null,
    state === 'off' ? noFactor(who) : null,
    state === 'unknown' ? likelyNoFactor(who) : null,
  ];
}

function clockCauses({ clockMs }: Seen): (Cause | null)[] {
  if (Math.abs(clockMs) <= CLOCK_MS) return [];
  const text = 'this machine and the database differ: one of them refuses right codes';
  return [likely('server_clock', text, 'timedatectl status')];
}

function halfEnrolled({ pending }: MfaRecord, who: string): Cause {
  const old = pending?.expired === true;
  return certain(
    'half_enrolled',
    `a secret was made${pending?.since ? ` (${pending.since})` : ''}, but its first code was never confirmed${old ? ', and it is too old now' : ''}`,
    ...(old ? [potctl('mfa', 'enroll', who)] : [potctl('mfa', 'confirm', who), potctl('mfa', 'enroll', who)]),
  );
}

const noFactor = (who: string): Cause =>
  certain(
    'no_factor',
    'there is no second factor: if a code is asked for, it is for another account',
    potctl('mfa', 'enroll', who),
  );

const likelyNoFactor = (who: string): Cause =>
  likely(
    'no_factor',
    'no second factor is switched on; whether an enrolment has begun, this role may not see',
    potctl('mfa', 'enroll', who),
  );

const blockedByPotctl = (until: string, who: string): Cause => {
  const hard = until === 'infinity';
  return likely(
    'blocked',
    hard
      ? '100 codes in a row were refused: potctl looks at none'
      : `too many codes were refused: potctl looks at none ${untilText(until)}`,
    potctl('mfa', 'unlock', who, ...(hard ? ['--reset-consecutive'] : [])),
  );
};

function codeOf(verdict: Verdict | null): Diagnosis['code'] {
  if (verdict === null || verdict.verdict === 'blocked') return null;
  const match = 'match' in verdict ? verdict.match : null;
  return {
    match: verdict.verdict === 'accepted',
    offset_steps: match?.offset ?? null,
    offset_s: match === null ? null : match.offset * PERIOD_S,
  };
}

/** So long somebody may take to read six digits aloud and to have them typed. */
const TYPING_S = 60;

/** What a given code says; null = none was given, or it was not looked at. */
export function codeCause(seen: Seen, who: string): Cause | null {
  const { verdict } = seen;
  if (verdict === null || verdict.verdict === 'blocked') return null;
  if (verdict.verdict === 'replayed')
    return certain('replayed', 'the code is right, but was used before', potctl('mfa', 'status', who));
  if (verdict.verdict === 'spent')
    return likely(
      'spent',
      'the code is right, but the application took a code in the same half minute, perhaps this one: the next one tells',
      potctl('mfa', 'explain', who, '--ask-code'),
    );
  if (verdict.verdict === 'accepted') {
    return verdict.by === 'backup'
      ? certain(
          'backup_code',
          `it is one of the backup codes, used up now; ${verdict.left} ${verb(verdict.left, 'is', 'are')} left`,
          potctl('mfa', 'codes', who),
        )
      : certain('code_right', `the code is right${driftText(verdict.match.offset)}: the cause is not the code`);
  }
  if (verdict.match === null) {
    return likely(
      'code_wrong',
      'the code fits nothing within ten minutes: another account in the app, or an old secret',
      ...[potctl('mfa', 'reset', who), potctl('mfa', 'enroll', who)],
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
  const ask = potctl('mfa', 'explain', who, '--ask-code');
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

/** From here on two clocks that should agree explain refused codes. */
export const CLOCK_MS = 5_000;

const finding = (check: string, result: Finding['result'], detail: string): Finding => ({ check, result, detail });

/** Everything that was looked at, one line each: also what is well. */
export function evidence({ database }: Uses<'database'>, seen: Seen): Finding[] {
  const { status, clockMs } = seen;
  const { noReplayGuard, login } = database.application.mfa.facts;
  const { active } = status.user;
  const account = active === null ? 'the application does not say' : active ? 'active' : 'switched off';
  const lock = status.lock === null ? 'none' : `by ${status.lock.by} ${untilText(status.lock.until)}`;
  const clock = `this machine and the database differ by ${(Math.abs(clockMs) / 1_000).toFixed(1)} s`;
  const { state } = status;
  return [
    finding('account', active === false ? 'problem' : active === null ? 'info' : 'ok', account),
    finding('lock', status.lock === null ? 'ok' : 'problem', lock),
    finding('state', state === 'enabled' ? 'ok' : state === 'unknown' ? 'unknown' : 'problem', state),
    ...secretFindings(seen),
    codesFinding(seen),
    finding('clock', Math.abs(clockMs) > CLOCK_MS ? 'problem' : 'ok', clock),
    attemptsFinding(seen),
    ...[noReplayGuard, login].filter((text) => text).map((text) => finding('application', 'info', text!)),
  ];
}

function secretFindings({ status }: Seen): Finding[] {
  const words = status.factors.map(({ secret }) => secret).filter((secret) => secret !== null);
  return words.map((secret) => {
    const result = secret === 'hidden' ? 'unknown' : secret.startsWith('good') ? 'ok' : 'problem';
    return finding('secret', result, secret);
  });
}

function codesFinding({ status }: Seen): Finding {
  if (status.codes === null) return finding('backup codes', 'info', 'this application has none');
  const { left } = status.codes;
  if (left === null) return finding('backup codes', 'unknown', 'hidden from this role');
  return finding('backup codes', left === 0 && status.state === 'enabled' ? 'problem' : 'ok', `${left} left`);
}

function attemptsFinding({ record: { verifier } }: Seen): Finding {
  if (verifier === null)
    return finding('refused codes', 'unknown', 'potctl is not set up here, or this role may not read it');
  const { failures24h, replays } = verifier;
  const detail = `${failures24h} in 24 hours through potctl, ${replays} used twice`;
  return finding('refused codes', failures24h > 0 ? 'problem' : 'ok', detail);
}
