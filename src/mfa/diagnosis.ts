import type { Verdict } from './attempt.js';
import { codeCause } from './code-cause.js';
import type { MfaDeps } from './deps.js';
import { CLOCK_MS, evidence } from './evidence.js';
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
  readonly next: readonly string[];
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
export type Cause = Diagnosis['verdict'] & { readonly next: readonly string[] };

/** Puts what was seen together: the first cause that explains it, and everything that was looked at. */
export function diagnose(deps: MfaDeps, seen: Seen): Diagnosis {
  const cause = causes(deps, seen).find((one) => one !== null)!;
  const { next, ...verdict } = cause;
  return { user: seen.status.user, verdict, code: codeOf(seen.verdict), evidence: evidence(deps, seen), next };
}

const certain = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'certain', next });
const likely = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'likely', next });

/** In the order in which they explain: what keeps everybody out first. */
function causes(deps: MfaDeps, seen: Seen): (Cause | null)[] {
  const who = argumentOf(seen.record.person);
  const nothing = 'nothing in the database keeps this person out: ask for the code that the app shows now';
  const next = seen.codeGiven ? [] : [`potctl mfa explain ${who} --ask-code`];
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
    until === null ? null : certain('locked', locked, `potctl mfa unlock ${who}`),
  ];
}

function secretCauses({ status }: Seen, who: string): (Cause | null)[] {
  const again = [`potctl mfa reset ${who}`, `potctl mfa enroll ${who}`];
  const words = status.factors.filter(({ state }) => state === 'enabled').map(({ secret }) => secret ?? '');
  // One that works lets the person in, whatever the others are.
  if (words.some((word) => word.startsWith('good'))) return [];
  const broken = words.find((word) => word.startsWith('never works'));
  const sealed = words.find((word) => word.startsWith('cannot be opened'));
  return [
    broken === undefined ? null : certain('secret_unusable', `no code can ever be right: ${broken}`, ...again),
    sealed === undefined ? null : certain('key_missing', `the secret ${sealed}`, 'potctl mfa check --keys'),
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

function stateCauses({ policy, database }: MfaDeps, { record }: Seen, who: string): (Cause | null)[] {
  const { person, state } = record;
  const required = database.application.facts.requiredForAdmin ?? 'an administrator must have a second factor';
  return [
    state !== 'enabled' && person.isAdmin && policy.requiredForAdmin
      ? certain('required_not_enrolled', required, `potctl mfa enroll ${who} --break-glass`)
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
    ...(old ? [`potctl mfa enroll ${who}`] : [`potctl mfa confirm ${who}`, `potctl mfa enroll ${who}`]),
  );
}

const noFactor = (who: string): Cause =>
  certain(
    'no_factor',
    'there is no second factor: if a code is asked for, it is for another account',
    `potctl mfa enroll ${who}`,
  );

const likelyNoFactor = (who: string): Cause =>
  likely(
    'no_factor',
    'no second factor is switched on; whether an enrolment has begun, this role may not see',
    `potctl mfa enroll ${who}`,
  );

const blockedByPotctl = (until: string, who: string): Cause => {
  const hard = until === 'infinity';
  return likely(
    'blocked',
    hard
      ? '100 codes in a row were refused: potctl looks at none'
      : `too many codes were refused: potctl looks at none ${untilText(until)}`,
    `potctl mfa unlock ${who}${hard ? ' --reset-consecutive' : ''}`,
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
