import fc from 'fast-check';
import { createGuardrails, generateSync } from 'otplib';
import { describe, expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import { evo } from '../../src/applications/evo.js';
import { viu } from '../../src/applications/viu.js';
import { decodeBase32, encodeBase32 } from '../../src/mfa/base32.js';
import { readStoredSecret } from '../../src/mfa/stored-secret.js';
import { python, testWith } from '../support/programs.js';

const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
const read = (text: string, strangers: 'refuse' | 'skip' = 'refuse') => hex(decodeBase32(text, strangers));

test.each([
  ['', ''],
  ['f', 'MY'],
  ['fo', 'MZXQ'],
  ['foo', 'MZXW6'],
  ['foob', 'MZXW6YQ'],
  ['fooba', 'MZXW6YTB'],
  ['foobar', 'MZXW6YTBOI'],
])('RFC 4648: "%s" is %s, read back with and without padding', (text, base32) => {
  expect(encodeBase32(Buffer.from(text))).toBe(base32);
  const padded = base32.padEnd(Math.ceil(base32.length / 8) * 8, '=');
  for (const form of [base32, padded, base32.toLowerCase()]) expect(read(form)).toBe(Buffer.from(text).toString('hex'));
});

test('all bytes are decoded from upper and lower case, and 20 bytes are 32 characters', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = encodeBase32(bytes);
      expect(text).toMatch(/^[A-Z2-7]*$/);
      expect(text.length).toBe(Math.ceil((bytes.length * 8) / 5));
      for (const form of [text, text.toLowerCase()]) {
        expect(read(form)).toBe(hex(bytes));
        expect(read(form, 'skip')).toBe(hex(bytes));
      }
    }),
  );
  expect(encodeBase32(new Uint8Array(20)).length).toBe(32);
});

test('EVO ignores characters that are not base32, the others refuse them', () => {
  const whole = read('JBSWY3DPEHPK3PXP');
  for (const text of [
    'JBSW Y3DP EHPK 3PXP',
    'jbsw-y3dp-ehpk-3pxp',
    ' JBSWY3DPEHPK3PXP\n',
    'JBSW0Y3DP1EHPK8=3PXP9====',
    'é中JBSWY3DPEHPK3PXP',
  ]) {
    expect(read(text, 'skip')).toBe(whole);
    expect(read(text)).toBeNull();
  }
});

test.each([
  ['a length that no bytes can have', ['A', 'AAA', 'AAAAAA', 'AAAAAAAAA']],
  ['padding in the middle', ['MZ=XW6YTB', '=MZXW6YTB', 'MZXW6YTB====MZXW']],
  ['more padding than a group has', ['MZXW6YTB========', 'MZXW6YTB=', 'JBSWY3DPEHPK3PX==', '=']],
  ['letters that only become ASCII in upper case', ['MZXW6YTſ', 'MZXWıYTB', 'MZXW6Yß']],
])('%s is refused', (_, texts) => {
  for (const text of texts) expect(read(text)).toBeNull();
});

/** Texts near to base32: most are, some have an odd length, padding, a space or a stranger. */
const nearly = (longest: number, shortest = 0) =>
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom(...'ABCXYZabcxyz234567AAAAAAAA'), minLength: shortest, maxLength: longest }),
      fc.constantFrom('', '', '', 'A', '=', '==', '===', '====', '======', '========', ' ', '-', '1', 'é', 'A=A'),
    )
    .map((parts) => parts.join(''));

testWith('python3-pyotp')('of 2000 odd texts potctl reads for 3dPot what pyotp reads, and refuses the rest', () => {
  const script = `
import pyotp
def read(text):
    try: return pyotp.TOTP(text).byte_secret().hex()
    except Exception: return None
answer = [read(text) for text in given]`;
  const texts = fc.sample(nearly(40), { numRuns: 2_000, seed: 11 });
  const theirs = python(script, texts) as (string | null)[];
  expect(theirs.filter((one) => one === null).length).toBeGreaterThan(300);
  for (const [at, text] of texts.entries()) expect([text, read(text)]).toEqual([text, theirs[at]]);
});

test('of 2000 odd texts potctl accepts for VIU exactly those from which its library makes a code', () => {
  const guardrails = createGuardrails();
  const verdicts = fc.sample(nearly(115, 20), { numRuns: 2_000, seed: 12 }).map((text) => {
    let theirs = true;
    try {
      generateSync({ secret: text, epoch: 0, guardrails });
    } catch {
      theirs = false;
    }
    return [text, readStoredSecret(text, viu.mfa.totp).usable, theirs] as const;
  });
  expect(verdicts.filter(([, , theirs]) => theirs).length).toBeGreaterThan(100);
  expect(verdicts.filter(([, ours, theirs]) => ours !== theirs)).toEqual([]);
});

describe('a stored secret', () => {
  const TWENTY = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const verdict = (text: string, { totp }: { totp: Parameters<typeof readStoredSecret>[1] }) => {
    const found = readStoredSecret(text, totp);
    return found.usable ? found.bits : found.problem;
  };

  test.each([
    [TWENTY, 160, 160, 160],
    [TWENTY.toLowerCase(), 160, 160, 160],
    ['JBSWY3DPEHPK3PXP', 80, 'too short', 80],
    ['JBSWY3DPEHPK3PX', 72, 'not base32', 72],
    ['GEZDGNBVGY3TQOJQGEZDGNBV', 120, 'too short', 120],
    ['GEZDGNBVGY3TQOJQGEZDGNBVGY', 128, 128, 128],
    ['GEZDGNBVGY3TQOJQGEZDGNBVGZ', 128, 'not base32', 128],
    ['GEZDGNBV GY3TQOJQ GEZDGNBV GY3TQOJQ', 'not base32', 'not base32', 160],
    ['GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ', 'not base32', 'not base32', 160],
    [`${TWENTY}\n`, 'not base32', 'not base32', 160],
    [`${TWENTY}=`, 'not base32', 'not base32', 160],
    ['', 'empty', 'empty', 'empty'],
    [' \t\n', 'empty', 'empty', 'empty'],
    ['=====', 'not base32', 'not base32', 'not base32'],
    ['0189', 'not base32', 'not base32', 'not base32'],
    ['$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', 'bcrypt', 'bcrypt', 'bcrypt'],
    ['$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', 'bcrypt', 'bcrypt', 'bcrypt'],
    [
      'potctl:v1:k1:AAECAwQFBgcICQoL:djDlL_DT9SO0caa5gt1NW7TuvgQ08byNOrUFdbhmYsLo42Yy',
      'envelope',
      'envelope',
      'envelope',
    ],
    ['A'.repeat(104), 520, 'too long', 520],
  ])('%j is for 3dPot %s, for VIU %s, for EVO %s', (text, forThreeDPot, forViu, forEvo) => {
    expect([threeDPot, viu, evo].map((application) => verdict(text, application.mfa))).toEqual([
      forThreeDPot,
      forViu,
      forEvo,
    ]);
  });
});
