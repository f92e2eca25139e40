import { describe, expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import { native } from '../../src/applications/native.js';
import { potctl } from '../../src/kernel/next.js';
import type { KeyCount } from '../../src/mfa/key-check.js';
import { type Counts, type PostureCheck, type PostureFacts, rulesOf, worst } from '../../src/mfa/posture-rules.js';

const NOBODY: Counts = {
  ...{ users: 100, enabled: 90, adminsWithout: 0, plainSecrets: 0, unusable: 0, unusablePending: 0, short: 0 },
  ...{ plainCodes: 0, enabledWithout: 0, pending: 0, pendingOld: 0, fewCodes: 0, adminsNoCodes: 0, locked: 0 },
  ...{ blocked: 0, triggers: 2, risky: false, installed: 3 },
  ...{ problem: null, guard: 'functions', unrecorded: [] },
};
const FACTS: PostureFacts = {
  ...{ readsSecrets: true, requiredForAdmin: false, sealed: true, bits: 80, keys: null, facts: native.mfa.facts },
};
const key = (id: string, count: number, problem: string | null = null, newest = false): KeyCount => ({
  ...{ key: id, count, problem, newest },
});
const find = (id: string, counts: Partial<Counts>, facts: Partial<PostureFacts> = {}): PostureCheck =>
  rulesOf({ ...NOBODY, ...counts }, { ...FACTS, ...facts }).find((one) => one.name === `sec.${id}`)!;

test('without problems every rule is ok and has no next command', () => {
  const rules = rulesOf(NOBODY, FACTS);
  expect(rules.filter(({ state, next }) => state !== 'ok' || next !== undefined)).toEqual([]);
  expect(worst(rules)).toBe('ok');
});

describe('a rule changes its state exactly at its threshold', () => {
  test.each<[string, Partial<Counts>, Partial<PostureFacts>, PostureCheck['state']]>([
    ['admin_no_mfa', { adminsWithout: 1 }, {}, 'warn'],
    ['admin_no_mfa', { adminsWithout: 1 }, { requiredForAdmin: true }, 'fail'],
    ['admin_no_mfa', { adminsWithout: 0 }, { requiredForAdmin: true }, 'ok'],
    ['locked_now', { locked: 4 }, {}, 'ok'],
    ['locked_now', { locked: 5 }, {}, 'warn'],
    ['locked_now', { locked: 3, blocked: 2 }, {}, 'warn'],
    ['locked_now', { locked: 9 }, {}, 'warn'],
    ['locked_now', { locked: 10 }, {}, 'fail'],
    ['locked_now', { locked: 5, users: 50 }, {}, 'fail'],
    ['locked_now', { locked: 5, users: 51 }, {}, 'warn'],
    ['locked_now', { locked: 4, users: 4 }, {}, 'ok'],
    ['locked_now', { locked: 5, blocked: null }, {}, 'warn'],
    ['plaintext_secret', { plainSecrets: 1 }, {}, 'fail'],
    ['plaintext_secret', { plainSecrets: 1 }, { sealed: false }, 'warn'],
    ['unusable_secret', { unusablePending: 1 }, {}, 'warn'],
    ['unusable_secret', { unusable: 1, unusablePending: 1 }, {}, 'fail'],
    ['short_secret', { short: 1 }, {}, 'warn'],
    ['enabled_without_secret', { enabledWithout: 1 }, {}, 'warn'],
    ['pending', { pending: 1 }, {}, 'warn'],
    ['pending_old', { pendingOld: 1 }, {}, 'warn'],
    ['plaintext_codes', { plainCodes: 1 }, {}, 'fail'],
    ['weak_codes', {}, { bits: 63.9 }, 'warn'],
    ['weak_codes', {}, { bits: 64 }, 'ok'],
    ['codes_low', { fewCodes: 1 }, {}, 'warn'],
    ['codes_low', { fewCodes: 1, adminsNoCodes: 1 }, {}, 'fail'],
    ['journal', { installed: null, triggers: null }, {}, 'unknown'],
    ['journal', { installed: 1, triggers: null }, {}, 'unknown'],
    ['journal', { triggers: 1 }, {}, 'fail'],
    ['journal', { triggers: 0 }, {}, 'fail'],
    ['roles', { risky: true }, {}, 'warn'],
    ['schema', { problem: { detail: 'old', fix: potctl('setup') } }, {}, 'fail'],
    ['schema', { installed: null, triggers: null }, {}, 'unknown'],
    ['unrecorded', { unrecorded: ['native:1'] }, {}, 'warn'],
    ['unrecorded', { unrecorded: null }, {}, 'ok'],
    ['unrecorded', { unrecorded: null, guard: 'triggers' }, {}, 'ok'],
    ['unrecorded', { unrecorded: null, guard: null }, {}, 'unknown'],
    ['unrecorded', { installed: null, triggers: null }, {}, 'unknown'],
    ['keys', {}, { keys: [] }, 'ok'],
    ['keys', {}, { keys: [key('k1', 3, null, true)] }, 'ok'],
    ['keys', {}, { keys: [key('k1', 3), key('k2', 0, null, true)] }, 'ok'],
    ['keys', {}, { keys: [key('k1', 0), key('k2', 3, null, true)] }, 'warn'],
    ['keys', {}, { keys: [key('k1', 0), key('k2', 3, null, true), key('k9', 1, 'unknown key')] }, 'fail'],
    ['keys', {}, { keys: [key('k2', 3, null, true), key('k2', 1, 'does not open')] }, 'fail'],
  ])('%s with %j and %j is %4$s', (id, counts, facts, state) => {
    expect(find(id, counts, facts).state).toBe(state);
  });
});

test('the details have the number of users, and name unused keys', () => {
  expect(find('admin_no_mfa', { adminsWithout: 3 })).toEqual({
    name: 'sec.admin_no_mfa',
    state: 'warn',
    detail: 'administrators without a second factor: 3',
    next: potctl('mfa', 'list', '--required', '--missing'),
  });
  expect(find('unusable_secret', { unusable: 2, unusablePending: 3 }).detail).toContain('5');
  expect(find('pending_old', { pendingOld: 7 }).detail).toContain('7');
  expect(find('weak_codes', {}, { bits: 26.6 }).detail).toBe('a backup code has 26 bits; 64 are recommended');
  const keys = [key('k1', 0), key('k2', 0), key('k3', 3, null, true)];
  expect(find('keys', {}, { keys }).detail).toBe('keys that are no longer used: k1, k2');
});

describe('what this role cannot see is unknown, never ok and never left out', () => {
  const seen = rulesOf(NOBODY, FACTS);
  const blind = rulesOf(NOBODY, { ...FACTS, readsSecrets: false });

  test('the same rules are there in the same order', () => {
    expect(blind.map(({ name }) => name)).toEqual(seen.map(({ name }) => name));
    expect(worst(blind)).toBe('unknown');
  });

  test('the rules about secrets and codes are unknown', () => {
    const unknown = blind.filter(({ state }) => state === 'unknown').map(({ name }) => name.replace('sec.', ''));
    expect(unknown).toEqual([
      ...['plaintext_secret', 'unusable_secret', 'short_secret', 'enabled_without_secret', 'pending', 'pending_old'],
      ...['plaintext_codes', 'codes_low'],
    ]);
  });
});

test('an application without backup codes has no rules about them; without --keys there is none about keys', () => {
  const names = rulesOf(NOBODY, { ...FACTS, bits: undefined }).map(({ name }) => name);
  expect(names.filter((name) => /codes|keys/.test(name))).toEqual([]);
});

test('only administrators without backup codes are to be listed: no list shows users with three', () => {
  expect(find('codes_low', { fewCodes: 500 })).toEqual({
    ...{ name: 'sec.codes_low', state: 'warn', detail: 'users with three backup codes or fewer: 500' },
  });
  expect(find('codes_low', { fewCodes: 500, adminsNoCodes: 2 })).toEqual({
    name: 'sec.codes_low',
    state: 'fail',
    detail: 'users with three backup codes or fewer: 500; administrators with none: 2',
    next: potctl('mfa', 'list', '--state', 'no-codes'),
  });
});

test('an application without a replay guard is mentioned, but not a warning: potctl has its own', () => {
  const rule = find('replay_guard', {}, { facts: threeDPot.mfa.facts });
  expect(rule).toMatchObject({
    state: 'ok',
    detail: 'potctl accepts each code only once; the application itself does not remember used codes',
  });
  expect(find('replay_guard', {}).detail).toBe('the application refuses codes that were used before');
});

test('the worst state is fail, then unknown, then warn', () => {
  const rule = (state: PostureCheck['state']): PostureCheck => ({ name: 'sec.x', state, detail: '' });
  expect(worst([rule('warn'), rule('fail'), rule('unknown')])).toBe('fail');
  expect(worst([rule('warn'), rule('unknown'), rule('ok')])).toBe('unknown');
  expect(worst([rule('ok'), rule('warn')])).toBe('warn');
  expect(worst([])).toBe('ok');
});
