import { randomBytes, randomInt } from 'node:crypto';
import { generateSync } from 'otplib';
import { expect } from 'vitest';
import { encodeBase32 } from '../../src/mfa/base32.js';
import { findCode, isCodeOfStep } from '../../src/mfa/totp.js';
import { outputOf, python, testWith } from '../support/programs.js';

/** Secrets of 10 to 40 bytes, and moments from 1970 to beyond the year 2500. */
const samples = Array.from({ length: 50 }, (_, at) => {
  const secret = randomBytes(at < 10 ? 20 : randomInt(10, 41));
  return { secret, base32: encodeBase32(secret), seconds: randomInt(0, at % 2 === 0 ? 2 ** 32 : 2 ** 34) };
});

const ours = ({ secret, seconds }: (typeof samples)[number]): string =>
  generateSync({ secret, epoch: seconds, algorithm: 'sha1', digits: 6, period: 30 });

testWith('oathtool')('oathtool and potctl agree on the codes of 50 secrets at 50 moments', () => {
  for (const sample of samples) {
    const now = `${new Date(sample.seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    const code = outputOf('oathtool', ['--totp', '--base32', '--now', now, '-'], sample.base32).trim();
    expect(findCode(sample.secret, code, sample.seconds * 1_000, { second: 'floor', reach: 0 })).not.toBeNull();
    if (sample.secret.length >= 16) expect(ours(sample)).toBe(code);
  }
});

testWith('oathtool')('oathtool and potctl agree where counters of 31 and 32 bits end', () => {
  const { secret, base32 } = samples[0]!;
  for (const step of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40]) {
    const code = outputOf('oathtool', ['--hotp', '--base32', '--counter', String(step), '-'], base32).trim();
    expect(isCodeOfStep(secret, code, step)).toBe(true);
  }
});

testWith('python3-pyotp')(
  'the library that 3dPot uses and potctl agree on the codes of 50 secrets at 50 moments',
  () => {
    const given = samples.map(({ base32, seconds }) => [base32, seconds]);
    const script = 'import pyotp\nanswer = [pyotp.TOTP(secret).at(seconds) for secret, seconds in given]';
    const codes = python(script, given) as string[];
    for (const [at, code] of codes.entries()) {
      const sample = samples[at]!;
      expect(findCode(sample.secret, code, sample.seconds * 1_000, { second: 'floor', reach: 0 })).not.toBeNull();
      if (sample.secret.length >= 16) expect(ours(sample)).toBe(code);
    }
  },
);

testWith('python3-pyotp')('what 3dPot accepts at 1700000000, potctl accepts, and nothing else', () => {
  const [secret, base32] = [samples[0]!.secret, samples[0]!.base32];
  const seconds = [-61, -60, -51, -50, -31, -30, -1, 0, 1, 9, 10, 29, 30, 39, 40, 59, 60].map(
    (by) => 1_700_000_000 + by,
  );
  const script = `
import datetime, pyotp
totp = pyotp.TOTP(given['secret'])
now = datetime.datetime.fromtimestamp(1700000000)
answer = [[totp.at(at), totp.verify(totp.at(at), now, valid_window=1)] for at in given['seconds']]`;
  const answers = python(script, { secret: base32, seconds }) as [string, boolean][];
  expect(answers.filter(([, accepted]) => accepted).length).toBeGreaterThan(5);
  expect(answers.filter(([, accepted]) => !accepted).length).toBeGreaterThan(5);
  for (const [code, accepted] of answers) {
    const found = findCode(secret, code, 1_700_000_000_000, { second: 'floor', reach: 1 });
    expect(found !== null).toBe(accepted);
  }
});
