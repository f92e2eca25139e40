import type { MfaFacet } from '../applications/application.js';
import type { Check, CheckState } from '../kernel/check.js';
import { type Advice, potctl } from '../kernel/next.js';
import { MFA_SCHEMA_VERSION } from './deps.js';
import type { KeyCount } from './key-check.js';

/** The result of one rule, named `sec.…`, over the second factors of all users. */
export interface PostureCheck extends Check {
  /** The command that shows more or fixes it. */
  readonly next?: Advice;
}

/** How many users each condition applies to. null = could not be counted. */
export interface Counts {
  readonly users: number;
  readonly enabled: number;
  readonly adminsWithout: number;
  readonly plainSecrets: number;
  readonly unusable: number;
  readonly unusablePending: number;
  readonly short: number;
  readonly plainCodes: number;
  readonly enabledWithout: number;
  readonly pending: number;
  readonly pendingOld: number;
  readonly fewCodes: number;
  readonly adminsNoCodes: number;
  readonly locked: number;
  readonly blocked: number | null;
  readonly triggers: number | null;
  readonly risky: boolean;
  readonly installed: number | null;
  /** What is wrong with the schema that `setup` installed. */
  readonly problem: { readonly detail: string; readonly fix: Advice } | null;
  /** What keeps a support login from changing second factors without a journal entry. */
  readonly guard: 'functions' | 'triggers' | null;
  /** Users whose last change is in no journal; null = the application stores no time of a change, or there is no journal. */
  readonly unrecorded: readonly string[] | null;
}

/** What else the rules depend on. */
export interface PostureFacts {
  readonly readsSecrets: boolean;
  readonly requiredForAdmin: boolean;
  /** Whether the application encrypts its secrets. */
  readonly sealed: boolean;
  /** Entropy of one backup code; undefined = no backup codes. */
  readonly bits: number | undefined;
  readonly keys: readonly KeyCount[] | null;
  readonly facts: MfaFacet['facts'];
}

type State = CheckState;
const when = (count: number, state: State): State => (count > 0 ? state : 'ok');
const rule = (id: string, state: State, detail: string, next?: Advice): PostureCheck => ({
  ...{ name: `sec.${id}`, state, detail },
  ...(state !== 'ok' && next !== undefined && { next }),
});
const ALL_MISSING = potctl('mfa', 'list', '--required', '--missing');

/** Evaluates all rules, in a fixed order. Pure. */
export function rulesOf(counts: Counts, facts: PostureFacts): PostureCheck[] {
  return [
    ...peopleRules(counts, facts),
    ...secretRules(counts, facts),
    ...codeRules(counts, facts),
    ...ownRules(counts, facts),
  ];
}

/** Returns the worst state: fail, then unknown, warn, ok. */
export function worst(rules: readonly PostureCheck[]): State {
  return (['fail', 'unknown', 'warn'] as const).find((state) => rules.some((one) => one.state === state)) ?? 'ok';
}

function peopleRules(counts: Counts, { requiredForAdmin }: PostureFacts): PostureCheck[] {
  const { adminsWithout, locked, blocked, users } = counts;
  const shut = locked + (blocked ?? 0);
  const manyLocked: State = users > 0 && shut >= 5 && shut * 10 >= users ? 'fail' : shut >= 5 ? 'warn' : 'ok';
  return [
    rule(
      'admin_no_mfa',
      when(adminsWithout, requiredForAdmin ? 'fail' : 'warn'),
      `administrators without a second factor: ${adminsWithout}`,
      ALL_MISSING,
    ),
    rule('locked_now', manyLocked, `users locked or blocked: ${shut}`, potctl('mfa', 'list', '--state', 'locked')),
  ];
}

const SECRET_RULES = [
  ...['plaintext_secret', 'unusable_secret', 'short_secret'],
  ...['enabled_without_secret', 'pending', 'pending_old'],
];

function secretRules(counts: Counts, { readsSecrets, sealed, facts }: PostureFacts): PostureCheck[] {
  const { plainSecrets, unusable, unusablePending, short, enabledWithout, pending, pendingOld } = counts;
  const replay = rule(
    'replay_guard',
    'ok',
    facts.noReplayGuard === ''
      ? 'the application refuses codes that were used before'
      : 'potctl accepts each code only once; the application itself does not remember used codes',
  );
  if (!readsSecrets) {
    return [...SECRET_RULES.map((id) => rule(id, 'unknown', 'this database role cannot read secrets')), replay];
  }
  const broken = unusable > 0 ? 'fail' : when(unusablePending, 'warn');
  const see = potctl('mfa', 'list', '--state', 'pending');
  return [
    rule(
      'plaintext_secret',
      when(plainSecrets, sealed ? 'fail' : 'warn'),
      `secrets stored in plain text: ${plainSecrets}`,
    ),
    rule(
      'unusable_secret',
      broken,
      `unusable secrets: ${unusable + unusablePending}`,
      potctl('mfa', 'explain', 'USER'),
    ),
    rule('short_secret', when(short, 'warn'), `secrets shorter than 128 bits: ${short}`),
    rule('enabled_without_secret', when(enabledWithout, 'warn'), `enabled without a secret: ${enabledWithout}`),
    rule('pending', when(pending, 'warn'), `pending enrollments: ${pending}`, see),
    rule('pending_old', when(pendingOld, 'warn'), `pending enrollments older than 24 hours: ${pendingOld}`, see),
    replay,
  ];
}

function codeRules(
  { plainCodes, fewCodes, adminsNoCodes }: Counts,
  { readsSecrets, bits }: PostureFacts,
): PostureCheck[] {
  if (bits === undefined) return [];
  const weak = rule(
    'weak_codes',
    bits < 64 ? 'warn' : 'ok',
    `a backup code has ${Math.floor(bits)} bits; 64 are recommended`,
  );
  if (!readsSecrets) {
    const hidden = (id: string) => rule(id, 'unknown', 'this database role cannot read backup codes');
    return [hidden('plaintext_codes'), weak, hidden('codes_low')];
  }
  return [
    rule('plaintext_codes', when(plainCodes, 'fail'), `users with backup codes in plain text: ${plainCodes}`),
    weak,
    rule(
      'codes_low',
      adminsNoCodes > 0 ? 'fail' : when(fewCodes, 'warn'),
      `users with three backup codes or fewer: ${fewCodes}${adminsNoCodes > 0 ? `; administrators with none: ${adminsNoCodes}` : ''}`,
      // It lists only users with none.
      adminsNoCodes > 0 ? potctl('mfa', 'list', '--state', 'no-codes') : undefined,
    ),
  ];
}

function ownRules(counts: Counts, { keys }: PostureFacts): PostureCheck[] {
  const { installed, triggers, risky, problem } = counts;
  const none = installed === null ? 'potctl is not set up in this database' : null;
  const guarded = triggers === 2 ? 'ok' : 'fail';
  return [
    rule(
      'journal',
      none === null ? (triggers === null ? 'unknown' : guarded) : 'unknown',
      none ?? JOURNAL_WORDS[triggers === null ? 'unknown' : guarded],
      potctl('setup'),
    ),
    rule(
      'schema',
      problem === null ? (none === null ? 'ok' : 'unknown') : 'fail',
      problem?.detail ?? none ?? 'the functions in the schema potctl cannot be used to gain the rights of its owner',
      problem?.fix ?? potctl('setup'),
    ),
    unrecordedRule(counts),
    rule(
      'roles',
      risky ? 'warn' : 'ok',
      risky ? 'this database role can do everything, even change the journal' : 'this database role has limited rights',
      potctl('grants', 'sql', '--role', 'support'),
    ),
    ...(keys === null ? [] : [keysRule(keys)]),
  ];
}

const JOURNAL_WORDS = {
  ok: 'the journal refuses changes to its entries',
  fail: 'the triggers that protect the journal are missing or disabled',
  unknown: 'the schema potctl has an old version',
} as const;

const SHOWN = 3;

/** A change without a journal entry was not made with potctl: by a stolen login, or by the application. */
function unrecordedRule({ installed, guard, unrecorded }: Counts): PostureCheck {
  const id = 'unrecorded';
  if (installed === null || installed < MFA_SCHEMA_VERSION) {
    return rule(
      id,
      'unknown',
      `potctl is not set up in this database${installed === null ? '' : ' with its current version'}`,
      potctl('setup'),
    );
  }
  if (unrecorded !== null && unrecorded.length > 0) {
    const more = unrecorded.length > SHOWN ? ', …' : '';
    const whose = `${unrecorded.slice(0, SHOWN).join(', ')}${more}`;
    const next = potctl('history', '--target', unrecorded[0]!);
    return rule(id, 'warn', `second factors whose last change is not recorded: ${unrecorded.length} (${whose})`, next);
  }
  if (guard !== null) return rule(id, 'ok', 'the database refuses changes by a support login without a journal entry');
  if (unrecorded !== null) {
    return rule(
      id,
      'ok',
      'the last change of every second factor is recorded; without write guards its time could be forged',
    );
  }
  return rule(
    id,
    'unknown',
    'unrecorded changes cannot be detected: the application stores no time of a change',
    potctl('setup', '--guard-writes'),
  );
}

function keysRule(keys: readonly KeyCount[]): PostureCheck {
  const failed = keys.filter(({ problem }) => problem !== null).reduce((sum, { count }) => sum + count, 0);
  const unused = keys.filter(({ count, newest, problem }) => count === 0 && !newest && problem === null);
  if (failed > 0 || unused.length === 0) {
    return rule('keys', when(failed, 'fail'), `secrets that no configured key can decrypt: ${failed}`);
  }
  return rule('keys', 'warn', `keys that are no longer used: ${unused.map(({ key }) => key).join(', ')}`);
}
