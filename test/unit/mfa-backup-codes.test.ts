import { scryptSync } from 'node:crypto';
import bcrypt from 'bcryptjs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CodeKind } from '../../src/applications/application.js';
import {
  bitsOf,
  CODES,
  findBackupCode,
  makeBackupCodes,
  readBackupCode,
  storedCodes,
} from '../../src/mfa/backup-codes.js';
import { hashScrypt, verifyScrypt } from '../../src/mfa/scrypt.js';

describe('new backup codes', () => {
  test.each<[CodeKind, RegExp, number]>([
    ['digits', /^[0-9]{4}-[0-9]{4}$/, 26.6],
    ['digits-login', /^[0-9]{8}$/, 26.6],
    ['hex-bcrypt', /^[0-9A-F]{4}-[0-9A-F]{4}$/, 32],
    ['crockford-scrypt', /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/, 80],
  ])('of %s are ten different codes of the form %s with %d bits', (kind, form, bits) => {
    for (let set = 0; set < 50; set += 1) {
      const codes = makeBackupCodes(kind);
      expect(new Set(codes).size).toBe(CODES);
      for (const code of codes) expect(code).toMatch(form);
      for (const code of codes) expect(readBackupCode(kind, code)).toBe(code);
    }
    expect(CODES).toBe(10);
    expect(bitsOf(kind)).toBe(bits);
  });

  test('never contain a code twice, even if the random generator repeats it', () => {
    // Eight zeros, eight zeros again, then 0000-0001, 0000-0002 and so on.
    let at = -1;
    const codes = makeBackupCodes('digits', () => {
      at += 1;
      return at >= 16 && at % 8 === 7 ? Math.floor(at / 8) - 1 : 0;
    });
    expect(codes).toEqual(Array.from({ length: 10 }, (_, code) => `0000-000${code}`));
  });

  test('use every symbol about equally often', () => {
    const counts = new Map<string, number>();
    for (const symbol of Array.from({ length: 300 }, () => makeBackupCodes('crockford-scrypt').join('')).join('')) {
      if (symbol !== '-') counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    }
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 1_500)).toBeLessThan(300);
  });
});

describe('3dPot', () => {
  const stored = ['0042-9981', '1234-5678', ' 9999-12 34 ', '87654321'];
  const find = async (typed: string) => {
    const code = readBackupCode('digits', typed);
    return code === null ? null : findBackupCode('digits', code, stored);
  };

  test.each<[string, number | null]>([
    ['0042-9981', 0],
    [' 1234 - 56 78 ', 1],
    ['1234-5678\n', 1],
    ['99991234', 2],
    ['12345678', 1],
    ['8765-4321', 3],
    ['87654321', 3],
    ['0042–9981', 0],
    ['004-29981', 0],
    ['００42-9981', 0],
    ['0042-9982', -1],
    ['abcd-1234', null],
    ['O042-9981', null],
    ['0042-998', null],
    ['0042-99811', null],
    ['', null],
  ])('compares only digits, ignoring dashes and blanks: %j is number %s', async (typed, at) => {
    expect(await find(typed)).toBe(at);
  });

  test('uses the first of two equal codes, so that one is left', async () => {
    expect(await findBackupCode('digits', '1111-1111', ['0000-0000', '1111-1111', '1111-1111'])).toBe(1);
  });
});

describe('VIU', () => {
  test('stores bcrypt hashes of cost 10 of exactly what is shown', async () => {
    const shown = makeBackupCodes('hex-bcrypt').slice(0, 1);
    const stored = await storedCodes('hex-bcrypt', shown);
    for (const [at, hash] of stored.entries()) {
      expect(hash).toMatch(/^\$2a\$10\$[./A-Za-z0-9]{53}$/);
      expect(hash.length).toBe(60);
      expect(await bcrypt.compare(shown[at]!, hash)).toBe(true);
      expect(await bcrypt.compare(shown[at]!.replace('-', ''), hash)).toBe(false);
    }
    expect(await bcrypt.compare('a1b2-c3d4', await bcrypt.hash('A1B2-C3D4', 4))).toBe(false);
  });

  test('accepts the bcrypt prefixes that its library accepts, and ignores other texts', async () => {
    const hash = bcrypt.hashSync('A1B2-C3D4', 4);
    const forms = ['$2a$', '$2b$', '$2y$'].map((prefix) => hash.replace(/^\$2.\$/, prefix));
    for (const form of forms) expect(await findBackupCode('hex-bcrypt', 'A1B2-C3D4', ['', 'A1B2-C3D4', form])).toBe(2);
    expect(await findBackupCode('hex-bcrypt', 'A1B2-C3D5', ['A1B2-C3D5', '$2a$10$short', ...forms])).toBe(-1);
  });

  test.each([
    ['A1B2-C3D4', 'A1B2-C3D4'],
    ['a1b2-c3d4', 'A1B2-C3D4'],
    [' A1B2 - C3D4 ', 'A1B2-C3D4'],
    ['A1B2C3D4', 'A1B2-C3D4'],
    ['a1b2\u00a0c3d4', 'A1B2-C3D4'],
    ['A1B2-C3D', null],
    ['G1B2-C3D4', null],
  ])('reads %j as %s, with the dash that was hashed', (typed, code) => {
    expect(readBackupCode('hex-bcrypt', typed)).toBe(code);
  });
});

describe('the reference application', () => {
  const CODE = '7K3M-9QWX-2T5V-HJ8R';
  const SALT = Buffer.alloc(16, 1);
  const HASH = Buffer.from('1ff2fb96083cb06a07d547e8f4c486065f8a6cc7cc799ff9eb20bc99e6e25e80', 'hex');
  const STORED = `potctl$scrypt$16384$8$1$${SALT.toString('base64url')}$${HASH.toString('base64url')}`;

  test('hashes with scrypt of N 16384, r 8, p 1 over the symbols without dashes: the published vector is accepted', async () => {
    expect(scryptSync('7K3M9QWX2T5VHJ8R', SALT, 32, { N: 16_384, r: 8, p: 1 })).toEqual(HASH);
    expect(await verifyScrypt(CODE, STORED)).toBe(true);
    expect(await verifyScrypt('7K3M-9QWX-2T5V-HJ8S', STORED)).toBe(false);
  });

  test('stores each code with a salt of its own', async () => {
    const [one, two] = await Promise.all([hashScrypt(CODE), hashScrypt(CODE)]);
    expect(one).toMatch(/^potctl\$scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
    expect(one).not.toBe(two);
    expect(one).not.toContain('7K3M');
    expect(await findBackupCode('crockford-scrypt', CODE, ['', two!])).toBe(1);
  });

  test.each([
    ['nothing', ''],
    ['the code itself', CODE],
    ['other costs', STORED.replace('16384', '2')],
    ['a short salt', STORED.replace('AQEB', 'AQE')],
    ['a short hash', STORED.slice(0, -1)],
    ['something behind', `${STORED}\n`],
  ])('does not accept %s as a hash', async (_, stored) => {
    expect(await verifyScrypt(CODE, stored)).toBe(false);
  });

  test.each([
    ['7K3M-9QWX-2T5V-HJ8R', CODE],
    ['7k3m 9qwx 2t5v hj8r', CODE],
    ['7K3M9QWX2T5VHJ8R', CODE],
    ['ooil-OOIL-0011-7777', '0011-0011-0011-7777'],
    ['7K3M-9QWX-2T5V-HJ8', null],
    ['7K3M-9QWX-2T5V-HJ8RR', null],
    ['7K3M-9QWX-2T5V-HJ8U', null],
    ['7K3M_9QWX_2T5V_HJ8R', null],
  ])('reads %j as %s', (typed, code) => {
    expect(readBackupCode('crockford-scrypt', typed)).toBe(code);
  });
});

test('exactly the code that was made is found', async () => {
  const sets = fc.tuple(fc.constantFrom<CodeKind>('digits', 'digits-login'), fc.nat({ max: CODES - 1 }));
  await fc.assert(
    fc.asyncProperty(sets, async ([kind, at]) => {
      const [codes, others] = [makeBackupCodes(kind), makeBackupCodes(kind)];
      const stored = await storedCodes(kind, codes);
      expect(await findBackupCode(kind, readBackupCode(kind, codes[at]!)!, stored)).toBe(at);
      for (const other of others.filter((code) => !codes.includes(code))) {
        expect(await findBackupCode(kind, readBackupCode(kind, other)!, stored)).toBe(-1);
      }
    }),
    { numRuns: 30 },
  );
  for (const kind of ['hex-bcrypt', 'crockford-scrypt'] as const) {
    const codes = makeBackupCodes(kind);
    const stored = await storedCodes(kind, codes.slice(0, 2));
    expect(await findBackupCode(kind, codes[1]!, stored)).toBe(1);
    expect(await findBackupCode(kind, codes[2]!, stored)).toBe(-1);
  }
});
