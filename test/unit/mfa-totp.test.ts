import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { generateSync } from 'otplib';
import { describe, expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import { evo } from '../../src/applications/evo.js';
import { native } from '../../src/applications/native.js';
import { viu } from '../../src/applications/viu.js';
import { decodeBase32 } from '../../src/mfa/base32.js';
import { findCode, isCodeOfStep, PERIOD_S, stepAt } from '../../src/mfa/totp.js';

const RFC = Buffer.from('12345678901234567890');
const FAR = { second: 'floor', reach: 0 } as const;
const codeOf = (step: number, secret: Uint8Array = RFC): string =>
  generateSync({ strategy: 'hotp', secret, counter: step, digits: 6, algorithm: 'sha1' });
const isCodeAt = (secret: Uint8Array, code: string, seconds: number): boolean =>
  findCode(secret, code, seconds * 1_000, FAR) !== null;
const read = (secret: string): Uint8Array => decodeBase32(secret, 'refuse')!;

describe('RFC 6238, appendix B', () => {
  const seeds = { sha1: 20, sha256: 32, sha512: 64 } as const;
  const vectors: readonly (readonly [number, string, string, string])[] = [
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ];

  test.each(
    vectors.flatMap(([epoch, sha1, sha256, sha512]) =>
      Object.entries({ sha1, sha256, sha512 }).map(
        ([hash, code]) => [hash as keyof typeof seeds, epoch, code] as const,
      ),
    ),
  )('the library computes with %s at %d the code %s', (algorithm, epoch, code) => {
    const secret = Buffer.alloc(seeds[algorithm], RFC);
    expect(generateSync({ secret, epoch, algorithm, digits: 8, period: 30 })).toBe(code);
  });

  test.each(vectors)('at %d the code is the last six digits of %s, with leading zeros', (seconds, eight) => {
    expect(isCodeAt(RFC, eight.slice(2), seconds)).toBe(true);
    expect(isCodeAt(RFC, eight.slice(2), seconds + PERIOD_S)).toBe(false);
  });
});

test.each([
  ...['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'].entries(),
])('RFC 4226, appendix D: the code of step %d is %s', (step, code) => {
  expect(isCodeOfStep(RFC, code, step)).toBe(true);
});

test.each([
  [2 ** 31 - 1, '223505'],
  [2 ** 31, '197202'],
  [2 ** 32 - 1, '117190'],
  [2 ** 32, '999456'],
])('step %d, where 32 bits end, has the code %s', (step, code) => {
  expect(isCodeOfStep(RFC, code, step)).toBe(true);
  expect(stepAt(step * 30_000, 'floor')).toBe(step);
});

test.each([
  ['JBSWY3DPEHPK3PXP', 0, '282760'],
  ['JBSWY3DPEHPK3PXP', 29, '282760'],
  ['JBSWY3DPEHPK3PXP', 30, '996554'],
  ['JBSWY3DPEHPK3PXP', 59, '996554'],
  ['JBSWY3DPEHPK3PXP', 60, '602287'],
  ['JBSWY3DPEHPK3PXP', 1_111_111_109, '071271'],
  ['JBSWY3DPEHPK3PXP', 1_700_000_000, '324550'],
  ['JBSWY3DPEHPK3PXP', 4_294_967_295, '413990'],
  ['JBSWY3DPEHPK3PXP', 4_294_967_296, '413990'],
  ['JBSWY3DPEHPK3PX', 1_700_000_000, '146409'],
  ['GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 1_111_111_109, '081804'],
  ['GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 20_000_000_000, '353130'],
])('a short secret is also read: %s at %d gives %s', (secret, seconds, code) => {
  expect(isCodeAt(read(secret), code, seconds)).toBe(true);
});

test.each([1, 9, 10, 15, 16, 20, 64, 65, 159, 1_000])('a secret of %d bytes gives the codes of HMAC-SHA-1', (bytes) => {
  const secret = Buffer.alloc(bytes, 'never the same');
  for (const step of [0, 1, 56_666_666]) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const hash = createHmac('sha1', secret).update(counter).digest();
    const number = hash.readUInt32BE(hash.at(-1)! & 15) & 0x7fffffff;
    expect(isCodeOfStep(secret, String(number % 1_000_000).padStart(6, '0'), step)).toBe(true);
    expect(isCodeOfStep(secret, String((number + 1) % 1_000_000).padStart(6, '0'), step)).toBe(false);
  }
});

describe('the window', () => {
  const STEP = 56_666_666;
  const accepted = ({ second, window }: { second: 'floor' | 'round'; window: number }, ms: number): number[] =>
    [-3, -2, -1, 0, 1, 2, 3].filter(
      (offset) => findCode(RFC, codeOf(STEP + offset), ms, { second, reach: window }) !== null,
    );
  const phases = Array.from({ length: 30 }, (_, phase) => phase);

  test.each(phases)(
    '%d s into a time step 3dPot and the reference accept one step to each side, VIU only the current one',
    (at) => {
      for (const ms of [0, 500, 999].map((part) => (STEP * PERIOD_S + at) * 1_000 + part)) {
        expect(accepted(threeDPot.mfa.totp, ms)).toEqual([-1, 0, 1]);
        expect(accepted(native.mfa.totp, ms)).toEqual([-1, 0, 1]);
        expect(accepted(viu.mfa.totp, ms)).toEqual([0]);
      }
    },
  );

  test('EVO rounds to the second, so that every step begins half a second early', () => {
    const { second, window } = evo.mfa.totp;
    const takes = (step: number, ms: number): boolean =>
      findCode(RFC, codeOf(step), ms, { second, reach: window }) !== null;
    expect([takes(1, 89_499), takes(1, 89_500)]).toEqual([true, false]);
    expect([takes(2, 29_499), takes(2, 29_500)]).toEqual([false, true]);
    for (const start of [1, 2, 1_000, STEP].map((step) => step * 30_000)) {
      expect(stepAt(start - 501, 'round')).toBe(start / 30_000 - 1);
      expect(stepAt(start - 500, 'round')).toBe(start / 30_000);
    }
    for (const at of phases.slice(0, 29)) {
      expect(accepted({ second, window }, STEP * 30_000 + at * 1_000 + 499)).toEqual([-1, 0, 1]);
    }
    expect(accepted({ second, window }, STEP * 30_000 + 29_500)).toEqual([0, 1, 2]);
  });

  test('the answer has the time step and its offset, also for a diagnosis that searches further', () => {
    const ms = STEP * 30_000 + 12_345;
    const look = (offset: number) => findCode(RFC, codeOf(STEP + offset), ms, { second: 'floor', reach: 20 });
    expect([-20, -1, 0, 1, 20].map(look)).toEqual(
      [-20, -1, 0, 1, 20].map((offset) => ({ step: STEP + offset, offset })),
    );
    expect([-21, 21].map(look)).toEqual([null, null]);
  });

  test('in the first minute of 1970 there is no step before the first', () => {
    expect(findCode(RFC, codeOf(0), 0, { second: 'floor', reach: 20 })).toEqual({ step: 0, offset: 0 });
    expect(isCodeOfStep(RFC, codeOf(0), -1)).toBe(false);
  });
});

describe('the answer is a strict boolean', () => {
  test('a wrong code gives false, not a truthy value', () => {
    const wrong = Array.from({ length: 500 }, (_, step) => isCodeOfStep(RFC, '000000', step));
    expect(new Set(wrong)).toEqual(new Set([false]));
    expect(isCodeOfStep(RFC, '287082', 1)).toBe(true);
  });

  test('the engine never imports the asynchronous check, whose promise is truthy for every code', () => {
    const sources = ['src', 'commands'].flatMap((top) =>
      readdirSync(top, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(`${top}/${name}`, 'utf8')),
    );
    const imports = sources.flatMap((text) => [...text.matchAll(/import\s+([^;]*?)\s+from\s+'(?:@?otplib[^']*)'/g)]);
    const names = imports.flatMap(([, list = '']) => list.match(/[\w*]+/g) ?? []);
    expect(names).toContain('verifySync');
    expect(names.filter((name) => ['verify', 'TOTP', 'OTP', 'authenticator', '*'].includes(name))).toEqual([]);
    expect(sources.filter((text) => /import\('@?otplib|require\('@?otplib/.test(text))).toEqual([]);
  });
});
