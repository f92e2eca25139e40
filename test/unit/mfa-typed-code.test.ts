import { describe, expect, test } from 'vitest';
import { threeDPot } from '../../src/applications/3dpot.js';
import { evo } from '../../src/applications/evo.js';
import { native } from '../../src/applications/native.js';
import { viu } from '../../src/applications/viu.js';
import { ERROR_CATALOG } from '../../src/kernel/error-catalog.js';
import { again, partsOf } from '../../src/kernel/next.js';
import type { Actor, MfaPolicy } from '../../src/mfa/deps.js';
import { reasonProblem, requireReason } from '../../src/mfa/reason.js';
import { readTypedCode } from '../../src/mfa/typed-code.js';

const refusal = expect.objectContaining({ code: 'E_USAGE', why: 'no attempt was counted', changed: 'nothing' });

describe('a code as people type it', () => {
  test.each(['864010', '864 010', '864-010', ' 86 40 10 ', '8-6-4-0-1-0', '864010\n', '864010\r\n', '000000'])(
    '%j is six digits',
    (typed) => {
      const digits = typed.replace(/\D/g, '');
      for (const application of [threeDPot, viu, evo, native]) {
        expect(readTypedCode(typed, application, 'allowed')).toEqual({ kind: 'totp', code: digits });
        expect(readTypedCode(typed, application, 'refused')).toEqual({ kind: 'totp', code: digits });
      }
    },
  );

  test.each([
    ...[
      '\u00a0',
      '\u2009',
      '\u202f',
      '\u3000',
      '\t',
      '-',
      '\u00ad',
      '\u2010',
      '\u2011',
      '\u2012',
      '\u2013',
      '\u2014',
      '\u2015',
    ],
    ...['\u2212', '\ufe63', '\uff0d', '\u200b', '\u2060', '\ufeff', ' \u2013 '],
  ])('with %j between its digits it is the same code', (between) => {
    const typed = ['864', '010'].join(between);
    for (const application of [threeDPot, viu, evo, native]) {
      expect(readTypedCode(typed, application, 'refused')).toEqual({ kind: 'totp', code: '864010' });
    }
    const backup = { kind: 'backup', code: '1234-5678' };
    expect(readTypedCode(['1234', '5678'].join(between), threeDPot, 'allowed')).toEqual(backup);
  });

  test('decimal digits of every script are the same code', () => {
    const zeros = Array.from({ length: 0x11_0000 }, (_, point) => point).filter(
      (point) => (point < 0xd800 || point > 0xdfff) && /\p{Nd}/u.test(String.fromCodePoint(point)),
    );
    expect(zeros.length).toBeGreaterThan(600);
    // Unicode keeps the ten digits of a script in a row, zero first.
    for (let at = 0; at < zeros.length; at += 10) {
      const typed = [8, 6, 4, 0, 1, 9].map((value) => String.fromCodePoint(zeros[at + value]!)).join('');
      expect(readTypedCode(typed, threeDPot, 'refused')).toEqual({ kind: 'totp', code: '864019' });
    }
  });

  test.each([
    ['nothing', ''],
    ['spaces', '   '],
    ['five digits', '86401'],
    ['seven digits', '8640101'],
    ['a letter', '86401O'],
    ['a dot', '864.010'],
    ['a line between', '864\n010'],
    ['a sign', '+864010'],
    ['a number with an exponent', '8640e2'],
    ['a very long text', '1'.repeat(100_000)],
    ['a zero byte', '864010\0'],
  ])('%s is not a code: nothing is counted, and the message does not repeat it', (_, typed) => {
    for (const application of [threeDPot, viu, evo, native]) {
      expect(() => readTypedCode(typed, application, 'allowed')).toThrow(refusal);
    }
    expect(() => readTypedCode('8640101-hunter2', threeDPot, 'allowed')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  test.each([
    [threeDPot, '1234-5678', '1234-5678'],
    [threeDPot, '12345678', '1234-5678'],
    [viu, 'A1B2C3D4', 'A1B2-C3D4'],
    [native, '7k3m9qwx2t5vhj8r', '7K3M-9QWX-2T5V-HJ8R'],
    [native, 'OIL1–0000–0000–0000', '0111-0000-0000-0000'],
    [viu, 'a1b2-c3d4', 'A1B2-C3D4'],
    [native, '7k3m 9qwx 2t5v hj8r', '7K3M-9QWX-2T5V-HJ8R'],
  ])('a backup code of %o is read if backup codes are allowed, and refused if not', (application, typed, code) => {
    expect(readTypedCode(typed, application, 'allowed')).toEqual({ kind: 'backup', code });
    expect(() => readTypedCode(typed, application, 'refused')).toThrow(refusal);
    expect(() => readTypedCode(typed, evo, 'allowed')).toThrow(refusal);
  });

  test('the message names the kinds of codes that the application has', () => {
    expect(() => readTypedCode('x', threeDPot, 'allowed')).toThrow('expected six digits or a backup code');
    expect(() => readTypedCode('x', threeDPot, 'refused')).toThrow('expected six digits');
    expect(() => readTypedCode('x', evo, 'allowed')).toThrow('expected six digits');
  });
});

describe('a reason', () => {
  test.each([
    null,
    '',
    '   ',
    '.',
    'test',
    'asdf',
    '..........',
    'a b c d e f',
    'aaaaaaaaaaaa',
    'abababababab',
    'asdfasdfasdf',
    'test test test',
    'TEST-TEST-TEST',
    'test1 test2 test3',
    'reason: none, none',
    'please fix please',
    'foo bar baz foo bar',
    '1234567890',
    '12 34 56 78 90 12',
    'lost 12345',
    '紛失',
    'ああああああ',
    '\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b',
  ])('%j is refused as meaningless', (reason) => {
    expect(reasonProblem(reason)).not.toBeNull();
    expect(() => requireReason(actor(reason, null), policy(null))).toThrow(
      expect.objectContaining({ code: 'E_REASON_REQUIRED' }),
    );
  });

  test.each([
    'lost phone, called back at the number on file',
    'phone stolen',
    'test account of the pentest team',
    'perdeu o celular, confirmado por vídeo',
    'Gerät verloren, Rückruf',
    '携帯電話を紛失しました、本人確認済み',
    '携帯を紛失',
    '휴대폰 분실함',
    'new phone 2026',
    'INC-4711: phone broken',
  ])('%j is accepted', (reason) => {
    expect(reasonProblem(reason)).toBeNull();
    expect(() => requireReason(actor(reason, null), policy(null))).not.toThrow();
  });

  test('the proposed command has a placeholder for the reason, and the placeholder is refused', () => {
    const refused = (fix: unknown) => expect.objectContaining({ code: 'E_REASON_REQUIRED', fix });
    const [proposed] = ERROR_CATALOG.E_REASON_REQUIRED.remedy
      .flatMap(partsOf)
      .filter((part) => typeof part === 'object');
    expect(proposed).toEqual(again('--reason', '…'));
    const fix = [{ advice: [expect.any(String), again('--reason', '…')] }];
    expect(() => requireReason(actor(null, null), policy(null))).toThrow(refused(fix));
    expect(() => requireReason(actor('…', null), policy(null))).toThrow(refused(fix));
    expect(reasonProblem('…')).toBe("'…' has no letters or digits");
  });

  test('ten letters are enough, nine are not', () => {
    expect(reasonProblem('lost phone')).toContain('fewer than 10');
    expect(reasonProblem('lost phones')).toBeNull();
  });

  test.each([
    ['^OPS-[0-9]+$', 'OPS-1', true],
    ['^OPS-[0-9]+$', 'OPS-', false],
    ['^OPS-[0-9]+$', 'xOPS-1', false],
    ['^OPS-[0-9]+$', null, false],
    ['^OPS-[0-9]+$', '', false],
    ['OPS', 'an OPS ticket', true],
    [null, null, true],
    [null, 'anything', true],
  ])('if the profile requires %s, the ticket %s is accepted: %s', (pattern, ticket, passes) => {
    const check = () => requireReason(actor('lost phone, called back', ticket), policy(pattern));
    if (passes) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'E_REASON_REQUIRED' }));
  });
});

function actor(reason: string | null, ticket: string | null): Actor {
  const who = { operator: 'ana', osUser: 'ana', hostname: 'desk', toolVersion: '0', runId: 'r', traceId: 't' };
  return { ...who, reason, ticket, breakGlass: false };
}

function policy(ticket: string | null): MfaPolicy {
  const none = { profile: null, isProduction: false, profileOnCommandLine: false, protected: [], issuer: null };
  return { ...none, ticket, requiredForAdmin: false, codeForm: 'application' };
}
