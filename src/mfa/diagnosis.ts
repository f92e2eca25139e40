import type { Verdict } from './attempt.js';
import type { MfaDeps } from './deps.js';
import { argumentOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { MfaStatus } from './status.js';
import { PERIOD_S } from './totp.js';

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

interface Seen {
  readonly status: MfaStatus;
  readonly record: MfaRecord;
  readonly verdict: Verdict | null;
  readonly clockMs: number;
  readonly codeGiven: boolean;
}

type Cause = Diagnosis['verdict'] & { readonly next: readonly string[] };

/** From here on two clocks that should agree explain refused codes. */
const CLOCK_MS = 5_000;

/** Puts what was seen together: the first cause that explains it, and everything that was looked at. */
export function diagnose(deps: MfaDeps, seen: Seen): Diagnosis {
  const cause = causes(deps, seen).find((one) => one !== null)!;
  const { next, ...verdict } = cause;
  return { user: seen.status.user, verdict, code: codeOf(seen.verdict), evidence: evidence(deps, seen), next };
}

const certain = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'certain', next });
const likely = (code: string, text: string, ...next: string[]): Cause => ({ code, text, confidence: 'likely', next });

function causes({ policy, database }: MfaDeps, seen: Seen): (Cause | null)[] {
  const { status, record, clockMs, codeGiven } = seen;
  const { person, state } = record;
  const who = argumentOf(person);
  const { requiredForAdmin = '' } = database.application.facts;
  const secrets = status.factors.filter(({ state: is }) => is === 'enabled').map(({ secret }) => secret);
  const works = secrets.some((secret) => secret?.startsWith('good'));
  const broken = works ? undefined : secrets.find((secret) => secret?.startsWith('never works'));
  const missing = !works && secrets.includes('missing');
  const again = [`potctl mfa reset ${who}`, `potctl mfa enroll ${who}`];
  return [
    person.active === false ? certain('account_inactive', 'the account is switched off in the application') : null,
    person.lockedUntil !== null
      ? certain('locked', `the application refuses this person until ${person.lockedUntil}`, `potctl mfa unlock ${who}`)
      : null,
    broken ? certain('secret_unusable', `no code can ever be right: ${broken}`, ...again) : null,
    missing
      ? certain('secret_missing', 'the factor is on, but has no secret: no code can ever be right', ...again)
      : null,
    state !== 'enabled' && person.isAdmin && policy.requiredForAdmin
      ? certain(
          'required_not_enrolled',
          requiredForAdmin || 'an administrator must have a second factor',
          `potctl mfa enroll ${who}`,
        )
      : null,
    state === 'pending' ? halfEnrolled(record, who) : null,
    state === 'off' ? noFactor(who) : null,
    state === 'unknown' ? likelyNoFactor(who) : null,
    codeCause(seen, who),
    Math.abs(clockMs) > CLOCK_MS
      ? likely(
          'server_clock',
          'this machine and the database differ: one of them refuses right codes',
          'timedatectl status',
        )
      : null,
    status.lock?.by === 'potctl' ? blockedByPotctl(status.lock.until, who) : null,
    {
      ...{ code: 'nothing_found', confidence: 'none', next: codeGiven ? [] : [`potctl mfa explain ${who} --ask-code`] },
      text: 'nothing in the database keeps this person out: ask for the code that the app shows now',
    },
  ];
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
      : `too many codes were refused: potctl looks at none until ${until}`,
    `potctl mfa unlock ${who}${hard ? ' --reset-consecutive' : ''}`,
  );
};

function codeCause({ verdict }: Seen, who: string): Cause | null {
  if (verdict === null || verdict.verdict === 'blocked') return null;
  if (verdict.verdict === 'replayed')
    return certain('replayed', 'the code is right, but was used before', `potctl mfa status ${who}`);
  if (verdict.verdict === 'accepted') {
    return verdict.by === 'backup'
      ? certain(
          'backup_code',
          `it is one of the backup codes, used up now; ${verdict.left} are left`,
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
  const { offset } = verdict.match;
  return certain(
    offset < 0 ? 'clock_slow' : 'clock_fast',
    `the code would be right${driftText(offset)}: the clock of the phone is wrong; let it set its time by the network`,
  );
}

/** The code that is shown tells the time of the phone to within a step. */
function driftText(offset: number): string {
  if (offset === 0) return ', right now';
  const seconds = Math.abs(offset) * PERIOD_S;
  return `, ${seconds} s ${offset < 0 ? 'slow' : 'fast'}`;
}

function codeOf(verdict: Verdict | null): Diagnosis['code'] {
  if (verdict === null || verdict.verdict === 'blocked') return null;
  const match = 'match' in verdict ? verdict.match : null;
  return {
    match: verdict.verdict === 'accepted',
    offset_steps: match?.offset ?? null,
    offset_s: match === null ? null : match.offset * PERIOD_S,
  };
}

function evidence({ database }: MfaDeps, { status, record, clockMs }: Seen): Finding[] {
  const { verifier, codes, state } = record;
  const { noReplayGuard, login } = database.application.facts;
  const finding = (check: string, result: Finding['result'], detail: string): Finding => ({ check, result, detail });
  const left = status.codes?.left ?? null;
  return [
    finding(
      'account',
      status.user.active === false ? 'problem' : 'ok',
      status.user.active === null ? 'the application does not say' : status.user.active ? 'active' : 'switched off',
    ),
    finding(
      'lock',
      status.lock === null ? 'ok' : 'problem',
      status.lock === null ? 'none' : `by ${status.lock.by} until ${status.lock.until}`,
    ),
    finding('state', state === 'enabled' ? 'ok' : state === 'unknown' ? 'unknown' : 'problem', state),
    ...status.factors
      .filter(({ secret }) => secret !== null)
      .map(({ secret }) =>
        finding('secret', secret === 'hidden' ? 'unknown' : secret!.startsWith('good') ? 'ok' : 'problem', secret!),
      ),
    ...(status.codes === null
      ? [finding('backup codes', 'info', 'this application has none')]
      : [
          finding(
            'backup codes',
            codes === null ? 'unknown' : left === 0 ? 'problem' : 'ok',
            left === null ? 'hidden from this role' : `${left} left`,
          ),
        ]),
    finding(
      'clock',
      Math.abs(clockMs) > CLOCK_MS ? 'problem' : 'ok',
      `this machine and the database differ by ${(Math.abs(clockMs) / 1_000).toFixed(1)} s`,
    ),
    verifier === null
      ? finding('refused codes', 'unknown', 'potctl is not set up here, or this role may not read it')
      : finding(
          'refused codes',
          verifier.failures24h > 0 ? 'problem' : 'ok',
          `${verifier.failures24h} in 24 hours through potctl, ${verifier.replays} used twice`,
        ),
    ...[noReplayGuard, login].filter((text) => text).map((text) => finding('application', 'info', text!)),
  ];
}
