import { expect, test } from 'vitest';
import { type Agreed, fingerprintOf } from '../../src/mfa/fingerprint.js';
import { ANA, FACTOR } from './mfa-record.js';

/** What an operator agreed to: everything that can change meanwhile has a value. */
const AGREED: Agreed = {
  person: { ...ANA, updatedAt: '2026-11-22T09:00:00.000001Z' },
  factors: [{ ...FACTOR, createdAt: '2026-11-22T08:00:00.000001Z', verifiedAt: '2026-11-22T08:01:00.000001Z' }],
  codes: ['1234-5678', '2345-6789'],
  lastChange: null,
};
const NO_SECRETS: Agreed = { ...AGREED, codes: null, lastChange: '41' };

const person = (change: Partial<Agreed['person']>, of = AGREED): Agreed => ({
  ...of,
  person: { ...of.person, ...change },
});
const factor = (change: Partial<Agreed['factors'][number]>): Agreed => ({
  ...AGREED,
  factors: [{ ...AGREED.factors[0]!, ...change }],
});

test.each<[string, Agreed, Agreed?]>([
  ['the secret of a factor', factor({ secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR' })],
  ['the state of a factor', factor({ state: 'pending' })],
  ['the kind of a factor', factor({ kind: 'webauthn' })],
  ['the factor itself', factor({ id: 'f2' })],
  ['when a factor began', factor({ createdAt: '2026-11-22T08:00:00.000002Z' })],
  ['when a factor was confirmed', factor({ verifiedAt: '2026-11-22T08:01:00.000002Z' })],
  ['one more factor', { ...AGREED, factors: [...AGREED.factors, { ...FACTOR, id: 'f2' }] }],
  ['no factor any more', { ...AGREED, factors: [] }],
  ['a backup code', { ...AGREED, codes: ['1234-5678', '2345-6780'] }],
  ['one backup code less', { ...AGREED, codes: ['1234-5678'] }],
  ['who it is', person({ id: 'u2' })],
  ['the email address', person({ email: 'eve@example.com' })],
  ['the user name', person({ username: 'eve' })],
  ['who became an administrator', person({ isAdmin: true })],
  ['who was switched off', person({ active: false })],
  [
    'the last change that potctl made, for a role that may not read secrets',
    { ...NO_SECRETS, lastChange: '42' },
    NO_SECRETS,
  ],
  [
    'when the row was written, for a role that may not read secrets',
    person({ updatedAt: '2026-11-22T09:00:00.000002Z' }, NO_SECRETS),
    NO_SECRETS,
  ],
])('a plan no longer fits when it differs in %s', (_, now, agreed = AGREED) => {
  expect(fingerprintOf(now)).not.toBe(fingerprintOf(agreed));
});

test('a plan still fits where only what nobody agreed to has changed: a login, and the code that it used', () => {
  const used = factor({ lastUsedAt: '2026-11-22T10:00:00Z' });
  expect(fingerprintOf(used)).toBe(fingerprintOf(AGREED));
  expect(fingerprintOf(person({ lastLoginAt: '2026-11-22T10:00:00Z', updatedAt: null }))).toBe(fingerprintOf(AGREED));
});
