import { describe, expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import type { Person } from '../../src/applications/application.js';
import { evo } from '../../src/applications/evo.js';
import { viu } from '../../src/applications/viu.js';
import type { Verdict } from '../../src/mfa/attempt.js';
import type { MfaPolicy } from '../../src/mfa/deps.js';
import { type Diagnosis, diagnose } from '../../src/mfa/diagnosis.js';
import type { MfaRecord } from '../../src/mfa/record.js';
import { statusOf } from '../../src/mfa/status.js';
import { adviceText } from '../support/advice.js';
import { ANA, FACTOR, quietDeps, recordOf, VERIFIER } from './mfa-record.js';

interface Scene {
  readonly record?: Partial<MfaRecord>;
  readonly verdict?: Verdict;
  readonly clockMs?: number;
  readonly policy?: Partial<MfaPolicy>;
  readonly application?: Parameters<typeof quietDeps>[0];
  /** Seconds after the step in which the code was looked at began. */
  readonly intoStep?: number;
  readonly earlierOffsets?: readonly number[];
}

async function look({
  record: changes,
  verdict,
  clockMs = 0,
  policy,
  application = threeDPot,
  intoStep = 6,
  earlierOffsets = [],
}: Scene): Promise<Diagnosis> {
  const deps = quietDeps(application, policy);
  const record = recordOf({ codes: ['0042-9981'], ...changes });
  const status = await statusOf(deps, record);
  const codeGiven = verdict !== undefined;
  const nowMs = (100 * 30 + intoStep) * 1_000;
  return diagnose(deps, { status, record, verdict: verdict ?? null, clockMs, codeGiven, nowMs, earlierOffsets });
}

const ana = (changes: Partial<Person>): Person => ({ ...ANA, ...changes });
const secret = (text: string | null) => ({ factors: [{ ...FACTOR, secret: text }] });
const blocked = (until: string) => ({ verifier: { ...VERIFIER, blockedUntil: until } });
const wrong = (offset: number | null): Verdict => ({
  verdict: 'wrong',
  match: offset === null ? null : { step: 100 + offset, offset },
});
const right = (offset: number): Verdict => ({
  ...{ verdict: 'accepted', by: 'totp', factor: FACTOR },
  match: { step: 100 + offset, offset },
});
const pending = (expired: boolean): Partial<MfaRecord> => {
  const factor = { ...FACTOR, state: 'pending' as const };
  return {
    state: 'pending',
    factors: [factor],
    pending: { factors: [factor], since: '2026-11-21T09:00:00Z', expired },
  };
};
const OFF: Partial<MfaRecord> = { state: 'off', factors: [] };
const BCRYPT = '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';
const UNTIL = '2026-11-22T00:15:00.000000Z';

describe('each cause has its verdict and the command that fixes it', () => {
  test.each<[string, string, Scene, string[]]>([
    ['account_inactive', 'certain', { record: { person: ana({ active: false }) } }, []],
    ['locked', 'certain', { record: { person: ana({ lockedUntil: UNTIL }) } }, ['potctl mfa unlock ana']],
    ['secret_unusable', 'certain', { record: secret(BCRYPT) }, ['potctl mfa reset ana', 'potctl mfa enroll ana']],
    ['secret_unusable', 'certain', { record: secret('') }, ['potctl mfa reset ana', 'potctl mfa enroll ana']],
    ['secret_missing', 'certain', { record: secret(null) }, ['potctl mfa reset ana', 'potctl mfa enroll ana']],
    [
      'required_not_enrolled',
      'certain',
      { record: { ...OFF, person: ana({ isAdmin: true }) }, policy: { requiredForAdmin: true } },
      ['potctl mfa enroll ana --break-glass'],
    ],
    ['half_enrolled', 'certain', { record: pending(false) }, ['potctl mfa confirm ana', 'potctl mfa enroll ana']],
    ['half_enrolled', 'certain', { record: pending(true) }, ['potctl mfa enroll ana']],
    ['no_factor', 'certain', { record: OFF }, ['potctl mfa enroll ana']],
    ['no_factor', 'likely', { record: { ...OFF, state: 'unknown' } }, ['potctl mfa enroll ana']],
    [
      'replayed',
      'certain',
      { verdict: { verdict: 'replayed', match: { step: 1, offset: 0 } } },
      ['potctl mfa status ana'],
    ],
    ['code_right', 'certain', { verdict: right(0) }, []],
    [
      'backup_code',
      'certain',
      { verdict: { verdict: 'accepted', by: 'backup', index: 0, left: 3 } },
      ['potctl mfa codes ana'],
    ],
    ['code_wrong', 'likely', { verdict: wrong(null) }, ['potctl mfa reset ana', 'potctl mfa enroll ana']],
    ['code_late', 'likely', { verdict: wrong(-2) }, ['potctl mfa explain ana --ask-code']],
    ['clock_slow', 'likely', { verdict: wrong(-4) }, ['potctl mfa explain ana --ask-code']],
    ['clock_slow', 'certain', { verdict: wrong(-4), earlierOffsets: [-5] }, []],
    ['code_late', 'likely', { verdict: wrong(-1), earlierOffsets: [-1, -1] }, ['potctl mfa explain ana --ask-code']],
    ['code_late', 'likely', { verdict: wrong(-2), earlierOffsets: [-1] }, ['potctl mfa explain ana --ask-code']],
    ['clock_slow', 'likely', { verdict: wrong(-4), earlierOffsets: [4, -9] }, ['potctl mfa explain ana --ask-code']],
    ['clock_fast', 'certain', { verdict: wrong(2) }, []],
    ['server_clock', 'likely', { clockMs: 5_001 }, ['timedatectl status']],
    ['server_clock', 'likely', { clockMs: -5_001 }, ['timedatectl status']],
    ['blocked', 'likely', { record: blocked(UNTIL) }, ['potctl mfa unlock ana']],
    ['blocked', 'likely', { record: blocked('infinity') }, ['potctl mfa unlock ana --reset-consecutive']],
    [
      'blocked',
      'likely',
      { record: blocked(UNTIL), verdict: { verdict: 'blocked', until: UNTIL } },
      ['potctl mfa unlock ana'],
    ],
    ['nothing_found', 'none', {}, ['potctl mfa explain ana --ask-code']],
    ['nothing_found', 'none', { clockMs: 5_000 }, ['potctl mfa explain ana --ask-code']],
  ])('%s (%s)', async (code, confidence, scene, next) => {
    const found = await look(scene);
    expect(found.verdict).toMatchObject({ code, confidence });
    expect(found.next.map(adviceText)).toEqual(next);
    expect(found.verdict.text).not.toMatch(/undefined|null|GEZD|\$2a\$/);
  });
});

describe('of several causes the one that prevents signing in comes first', () => {
  test.each<[string, Scene]>([
    ['account_inactive', { record: { ...secret(BCRYPT), person: ana({ active: false, lockedUntil: UNTIL }) } }],
    ['locked', { record: { ...secret(BCRYPT), person: ana({ lockedUntil: UNTIL }) } }],
    ['locked', { record: { ...blocked(UNTIL), person: ana({ lockedUntil: UNTIL }) } }],
    ['secret_unusable', { record: secret(BCRYPT), verdict: wrong(null), clockMs: 9_000 }],
    ['clock_slow', { record: blocked(UNTIL), verdict: wrong(-4), clockMs: 9_000 }],
    ['server_clock', { record: blocked(UNTIL), clockMs: 9_000 }],
  ])('%s', async (code, scene) => {
    expect((await look(scene)).verdict.code).toBe(code);
  });

  test('a broken factor next to a working one does not make every code wrong', async () => {
    const factors = [{ ...FACTOR, id: 'f0', secret: BCRYPT }, FACTOR];
    const found = await look({ application: evo, record: { factors, codes: null }, verdict: right(0) });
    expect(found.verdict.code).toBe('code_right');
    expect(found.evidence.filter(({ check }) => check === 'secret').map(({ result }) => result)).toEqual([
      'problem',
      'ok',
    ]);
  });
});

describe('the code tells how far the clock of the phone is off', () => {
  test.each([
    [right(0), ', right now', { match: true, offset_steps: 0, offset_s: 0 }],
    [right(-1), ', shown 30 s ago', { match: true, offset_steps: -1, offset_s: -30 }],
    [right(1), ', shown 30 s too early', { match: true, offset_steps: 1, offset_s: 30 }],
    [wrong(-20), 'expired 576 s ago', { match: false, offset_steps: -20, offset_s: -600 }],
    [wrong(3), 'valid in 84 s', { match: false, offset_steps: 3, offset_s: 90 }],
    [wrong(null), 'within ten minutes', { match: false, offset_steps: null, offset_s: null }],
  ] as const)('%j: %s', async (verdict, text, code) => {
    const found = await look({ verdict });
    expect(found.verdict.text).toContain(text);
    expect(found.code).toEqual(code);
  });

  test('if only the current code is accepted, one that is six seconds late is late, not a sign of a wrong clock', async () => {
    const late = await look({ application: viu, verdict: wrong(-1), intoStep: 6, record: { codes: [] } });
    expect(late.verdict).toMatchObject({ code: 'code_late', confidence: 'likely' });
    expect(late.verdict.text).toContain('expired 6 s ago');
    expect(late.verdict.text).not.toContain('clock');
    expect(late.next.map(adviceText)).toEqual(['potctl mfa explain ana --ask-code']);
    const again = await look({ application: viu, verdict: wrong(-1), earlierOffsets: [-1], record: { codes: [] } });
    expect(again.verdict).toMatchObject({ code: 'code_late', confidence: 'likely' });
    const slow = await look({ application: viu, verdict: wrong(-2), earlierOffsets: [-2], record: { codes: [] } });
    expect(slow.verdict).toMatchObject({ code: 'clock_slow', confidence: 'certain' });
  });

  test('without a checked code nothing is said about the clock', async () => {
    expect((await look({})).code).toBeNull();
    expect((await look({ verdict: { verdict: 'blocked', until: UNTIL } })).code).toBeNull();
  });
});

describe('the evidence', () => {
  const of = (found: Diagnosis, check: string) => found.evidence.filter((one) => one.check === check);

  test('lists everything that was checked, good or bad', async () => {
    const found = await look({});
    expect(found.evidence.filter(({ result }) => result === 'problem')).toEqual([]);
    const checks = new Set(found.evidence.map(({ check }) => check));
    expect([...checks]).toEqual([
      'account',
      'lock',
      'state',
      'secret',
      'backup codes',
      'clock',
      'rejected codes',
      'application',
    ]);
  });

  test('is unknown for what this role cannot see', async () => {
    const hidden = [{ ...FACTOR, secret: undefined }];
    const found = await look({ record: { factors: hidden, codes: null, verifier: null } });
    for (const check of ['secret', 'backup codes', 'rejected codes'])
      expect(of(found, check)[0]!.result).toBe('unknown');
  });

  test.each([
    [0, 'problem'],
    [1, 'ok'],
    [10, 'ok'],
  ])('%d backup codes left: %s', async (left, result) => {
    const found = await look({ record: { codes: Array<string>(left).fill('x') } });
    expect(of(found, 'backup codes')).toEqual([{ check: 'backup codes', result, detail: `${left} left` }]);
  });

  test.each([
    [{ failures24h: 3 }, '3 in the last 24 hours through potctl'],
    [
      { failures24h: 3, replays: 2 },
      '3 in the last 24 hours through potctl; 2 correct but already used in the last 30 days',
    ],
  ])('refused codes %j: %s', async (changes, detail) => {
    const found = await look({ record: { verifier: { ...VERIFIER, ...changes } } });
    expect(of(found, 'rejected codes')).toEqual([{ check: 'rejected codes', result: 'problem', detail }]);
  });

  test('times have no fractions of a second', async () => {
    const found = await look({ record: blocked(UNTIL) });
    expect(of(found, 'lock')).toEqual([
      { check: 'lock', result: 'problem', detail: 'by potctl until 2026-11-22 00:15:00Z' },
    ]);
    expect(found.verdict.text).toMatch(/accepts no code until 2026-11-22 00:15:00Z$/);
  });

  test('never contains a secret, a hash or a code', async () => {
    for (const text of [FACTOR.secret!, BCRYPT]) {
      expect(JSON.stringify(await look({ record: { ...secret(text), codes: ['0042-9981'] } }))).not.toMatch(
        /GEZD|\$2a\$|0042/,
      );
    }
  });
});
