import { verb } from '../kernel/counted.js';
import { type Advice, potctl } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import type { Verdict } from './attempt.js';
import type { Uses } from './deps.js';
import { argumentOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { MfaStatus } from './status.js';
import { PERIOD_S } from './totp.js';
import { instantText, untilText } from './verifier-state.js';

/** One thing that was checked. */
export interface Finding {
  readonly check: string;
  readonly result: 'ok' | 'problem' | 'unknown' | 'info';
  readonly detail: string;
}

/** Why a user cannot sign in. */
export interface Diagnosis {
  readonly user: MfaStatus['user'];
  readonly verdict: {
    readonly code: string;
    readonly text: string;
    readonly confidence: 'certain' | 'likely' | 'none';
  };
  /** The result for the code that was given; null = no code, or nothing to check it with. */
  readonly code: {
    readonly match: boolean;
    readonly offset_steps: number | null;
    readonly offset_s: number | null;
  } | null;
  readonly evidence: readonly Finding[];
  /** Commands, most likely first. */
  readonly next: readonly Advice[];
}

/** What a diagnosis is based on. */
export interface Seen {
  readonly status: MfaStatus;
  readonly record: MfaRecord;
  readonly verdict: Verdict | null;
  readonly clockMs: number;
  readonly codeGiven: boolean;
  /** The database's time when the code was checked, ms since 1970. */
  readonly nowMs: number;
  /** By how many time steps the rejected codes of the last day were off, newest first. */
  readonly earlierOffsets: readonly number[];
}

/** A verdict with the commands that fix it. */
export type Cause = Diagnosis['verdict'] & { readonly next: readonly Advice[] };

/** Makes a diagnosis: the first cause that applies, and everything that was checked. */
export function diagnose(deps: Uses<'database' | 'policy'>, seen: Seen): Diagnosis {
  const cause = causes(deps, seen).find((one) => one !== null)!;
  const { next, ...verdict } = cause;
  return { user: seen.status.user, verdict, code: codeOf(seen.verdict), evidence: evidence(deps, seen), next };
}

const certain = (code: string, text: string, ...next: Advice[]): Cause => ({ code, text, confidence: 'certain', next });
const likely = (code: string, text: string, ...next: Advice[]): Cause => ({ code, text, confidence: 'likely', next });

/** All possible causes, in order of precedence. */
function causes(deps: Uses<'database' | 'policy'>, seen: Seen): (Cause | null)[] {
  const who = argumentOf(seen.record.person);
  const nothing = 'nothing in the database prevents this user from signing in: ask for the code that the app shows now';
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
  const locked = until === null ? '' : `the application has locked this user ${untilText(until)}`;
  return [
    person.active === false ? certain('account_inactive', 'the account is disabled in the application') : null,
    until === null ? null : certain('locked', locked, potctl('mfa', 'unlock', who)),
  ];
}

function secretCauses({ status }: Seen, who: string): (Cause | null)[] {
  const again = [potctl('mfa', 'reset', who), potctl('mfa', 'enroll', who)];
  const words = status.factors.filter(({ state }) => state === 'enabled').map(({ secret }) => secret ?? '');
  // One usable secret is enough to sign in.
  if (words.some((word) => word.startsWith('good'))) return [];
  const broken = words.find((word) => word.startsWith('never works'));
  const sealed = words.find((word) => word.startsWith('cannot be decrypted'));
  return [
    broken === undefined ? null : certain('secret_unusable', `no code can ever be accepted: ${broken}`, ...again),
    sealed === undefined ? null : certain('key_missing', `the secret ${sealed}`, potctl('mfa', 'check', '--keys')),
    unanswerable(status) ? certain('factor_unsupported', FOREIGN, ...again) : null,
    words.includes('missing')
      ? certain('secret_missing', 'the factor is enabled but has no secret: no code can ever be accepted', ...again)
      : null,
  ];
}

const FOREIGN =
  'the only enabled factor is of a kind that the application does not support: nobody can sign in with it';

/** Returns whether all enabled factors are of a kind that the application cannot ask for. */
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
  const text = 'the clocks of this machine and the database differ: one of them may refuse correct codes';
  return [likely('server_clock', text, 'timedatectl status')];
}

function halfEnrolled({ pending }: MfaRecord, who: string): Cause {
  const old = pending?.expired === true;
  return certain(
    'half_enrolled',
    `enrollment was started${pending?.since ? ` (${instantText(pending.since)})` : ''} but its first code was never confirmed${old ? '; it has expired' : ''}`,
    ...(old ? [potctl('mfa', 'enroll', who)] : [potctl('mfa', 'confirm', who), potctl('mfa', 'enroll', who)]),
  );
}

const noFactor = (who: string): Cause =>
  certain(
    'no_factor',
    'this user has no second factor: if a code is asked for, it is for another account',
    potctl('mfa', 'enroll', who),
  );

const likelyNoFactor = (who: string): Cause =>
  likely(
    'no_factor',
    'no second factor is enabled; this database role cannot see pending enrollments',
    potctl('mfa', 'enroll', who),
  );

const blockedByPotctl = (until: string, who: string): Cause => {
  const hard = until === 'infinity';
  return likely(
    'blocked',
    hard
      ? '100 codes in a row were refused: potctl accepts no code'
      : `too many codes were rejected: potctl accepts no code ${untilText(until)}`,
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

/** How long it may take to read six digits aloud and type them. */
const TYPING_S = 60;

/** Returns the cause that a given code shows; null = no code was given or checked. */
export function codeCause(seen: Seen, who: string): Cause | null {
  const { verdict } = seen;
  if (verdict === null || verdict.verdict === 'blocked') return null;
  if (verdict.verdict === 'replayed')
    return certain('replayed', 'the code is correct but was used before', potctl('mfa', 'status', who));
  if (verdict.verdict === 'spent')
    return likely(
      'spent',
      'the code is correct, but the application accepted a code in the same 30 seconds, perhaps this one: check the next code',
      potctl('mfa', 'explain', who, '--ask-code'),
    );
  if (verdict.verdict === 'accepted') {
    return verdict.by === 'backup'
      ? certain(
          'backup_code',
          `this is a valid backup code, now used up; ${verdict.left} ${verb(verdict.left, 'is', 'are')} left`,
          potctl('mfa', 'codes', who),
        )
      : certain('code_right', `the code is correct${driftText(verdict.match.offset)}: the problem is not the code`);
  }
  if (verdict.match === null) {
    return likely(
      'code_wrong',
      'the code matches no time within ten minutes: it is from another account in the app, or from an old secret',
      ...[potctl('mfa', 'reset', who), potctl('mfa', 'enroll', who)],
    );
  }
  const { step, offset } = verdict.match;
  return offset < 0 ? tooLate(seen, step, offset, who) : tooEarly(seen, step);
}

const SET_TIME = 'turn on automatic time on the phone';

/**
 * An expired code may have been typed slowly. The phone's clock is certainly slow only if codes are repeatedly late by the same time; codes
 * of the previous time step prove nothing, however many.
 */
function tooLate({ nowMs, earlierOffsets }: Seen, step: number, offset: number, who: string): Cause {
  const late = Math.max(0, Math.floor(nowMs / 1_000) - (step + 1) * PERIOD_S);
  const again = earlierOffsets.some((earlier) => Math.max(earlier, offset) <= -2 && Math.abs(earlier - offset) <= 1);
  const ask = potctl('mfa', 'explain', who, '--ask-code');
  if (again) {
    const text = `codes are repeatedly about ${Math.abs(offset) * PERIOD_S} s late: the clock of the phone is slow; ${SET_TIME}`;
    return certain('clock_slow', text);
  }
  return late <= TYPING_S
    ? likely(
        'code_late',
        `the code expired ${late} s ago: it came too late; ask for a new one, typed as soon as the app shows it`,
        ask,
      )
    : likely(
        'clock_slow',
        `the code expired ${late} s ago: the clock of the phone is slow, or it was an old code; ask for a new one`,
        ask,
      );
}

/** A code from the future can only mean that the phone's clock is fast. */
function tooEarly({ nowMs }: Seen, step: number): Cause {
  const early = Math.max(1, step * PERIOD_S - Math.floor(nowMs / 1_000));
  return certain('clock_fast', `the code becomes valid in ${early} s: the clock of the phone is fast; ${SET_TIME}`);
}

/** Says when the code was shown, to within one time step. */
function driftText(offset: number): string {
  if (offset === 0) return ', right now';
  return offset < 0 ? `, shown ${-offset * PERIOD_S} s ago` : `, shown ${offset * PERIOD_S} s too early`;
}

/** Reads by how many time steps this person's rejected codes of the last day were off, newest first. */
export async function readOffsets(session: Session, target: string): Promise<number[]> {
  const rows = await session.query<{ offset: number }>(
    `select (details->>'offset_steps')::pg_catalog.int4 as offset from potctl.journal
      where target = $1 and status = 'refused' and pg_catalog.jsonb_exists(details, 'offset_steps') and at > pg_catalog.clock_timestamp() - interval '1 day'
      order by seq desc limit 10`,
    [target],
  );
  return rows.map(({ offset }) => offset);
}

/** A clock difference above this explains rejected codes. */
export const CLOCK_MS = 5_000;

const finding = (check: string, result: Finding['result'], detail: string): Finding => ({ check, result, detail });

/** Returns everything that was checked, one line each, whether good or bad. */
export function evidence({ database }: Uses<'database'>, seen: Seen): Finding[] {
  const { status, clockMs } = seen;
  const { noReplayGuard, login } = database.application.mfa.facts;
  const { active } = status.user;
  const account = active === null ? 'unknown: the application does not store it' : active ? 'active' : 'disabled';
  const lock = status.lock === null ? 'none' : `by ${status.lock.by} ${untilText(status.lock.until)}`;
  const clock = `clocks of this machine and the database differ by ${(Math.abs(clockMs) / 1_000).toFixed(1)} s`;
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
  if (status.codes === null) return finding('backup codes', 'info', 'not supported by this application');
  const { left } = status.codes;
  if (left === null) return finding('backup codes', 'unknown', 'this database role cannot read them');
  return finding('backup codes', left === 0 && status.state === 'enabled' ? 'problem' : 'ok', `${left} left`);
}

function attemptsFinding({ record: { verifier } }: Seen): Finding {
  if (verifier === null)
    return finding(
      'rejected codes',
      'unknown',
      'potctl is not set up in this database, or this role cannot read its schema',
    );
  const { failures24h, replays } = verifier;
  const used = replays === 0 ? '' : `; ${replays} correct but already used in the last 30 days`;
  const detail = `${failures24h} in the last 24 hours through potctl${used}`;
  return finding('rejected codes', failures24h > 0 ? 'problem' : 'ok', detail);
}
