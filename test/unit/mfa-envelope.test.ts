import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Keyring, openSecret, type SecretPlace, sealSecret } from '../../src/mfa/envelope.js';
import { python, testWith } from '../support/programs.js';

const SECRET = Buffer.from('12345678901234567890');
const KEY = Buffer.from(Array.from({ length: 32 }, (_, byte) => byte));
const KEYS: Keyring = new Map([['k2026a', KEY]]);
const PLACE: SecretPlace = {
  table: 'mfa_factors',
  column: 'secret',
  factorId: '00000000-0000-0000-0000-000000000001',
  userId: 'u1',
};
const NONCE = Buffer.from('000102030405060708090a0b', 'hex');
const VECTOR = 'potctl:v1:k2026a:AAECAwQFBgcICQoL:djDlL_DT9SO0caa5gt1NW7TuvgQ08byNOrUFdbhmYsLo42Yy';

describe('the published envelope', () => {
  test('is reproduced byte for byte', () => {
    expect(sealSecret(SECRET, PLACE, KEYS, NONCE)).toBe(VECTOR);
  });

  test('can be decrypted in its row', () => {
    const opened = openSecret(VECTOR, PLACE, KEYS);
    expect(opened).toEqual({ ok: true, secret: SECRET, keyId: 'k2026a' });
  });

  test.each([
    ['another person', { userId: 'u2' }],
    ['another factor', { factorId: '00000000-0000-0000-0000-000000000002' }],
    ['another table', { table: 'mfa_factor' }],
    ['another column', { column: 'secret2' }],
    ['parts that only together read the same', { table: 'mfa_factorss', column: 'ecret' }],
  ])('cannot be decrypted for %s', (_, changes) => {
    const opened = openSecret(VECTOR, { ...PLACE, ...changes }, KEYS);
    expect(opened).toEqual({ ok: false, keyId: 'k2026a', problem: 'does not open' });
  });

  test('cannot be decrypted with another key, or with the id of another key', () => {
    const other = new Map([['k2026a', Buffer.alloc(32, 9)]]);
    expect(openSecret(VECTOR, PLACE, other)).toMatchObject({ problem: 'does not open' });
    const renamed = VECTOR.replace('k2026a', 'k2026b');
    expect(openSecret(renamed, PLACE, new Map([['k2026b', KEY]]))).toMatchObject({ problem: 'does not open' });
  });

  test('says which key is missing', () => {
    expect(openSecret(VECTOR, PLACE, new Map([['k1', KEY]]))).toEqual({
      ok: false,
      keyId: 'k2026a',
      problem: 'unknown key',
    });
  });

  test('cannot be decrypted if any character of nonce, text or tag is changed', () => {
    const start = VECTOR.indexOf('AAECAw');
    for (let at = start; at < VECTOR.length; at += 1) {
      if (VECTOR[at] === ':') continue;
      const changed = `${VECTOR.slice(0, at)}${VECTOR[at] === 'x' ? 'y' : 'x'}${VECTOR.slice(at + 1)}`;
      expect(openSecret(changed, PLACE, KEYS)).toEqual({ ok: false, keyId: 'k2026a', problem: 'does not open' });
    }
  });

  test.each([
    ['nothing', ''],
    ['base32', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'],
    ['another version', VECTOR.replace('v1', 'v2')],
    ['a part less', VECTOR.slice(0, VECTOR.lastIndexOf(':'))],
    ['a part more', `${VECTOR}:x`],
    ['a short nonce', VECTOR.replace('AAECAwQFBgcICQoL', 'AAECAwQFBgcICQo')],
    ['no place for a tag', VECTOR.slice(0, -30)],
    ['padding', `${VECTOR}=`],
    ['a line end', `${VECTOR}\n`],
    ['an empty key id', VECTOR.replace('k2026a', '')],
    ['the other base64', VECTOR.replace('_', '/')],
  ])('%s is malformed, not an exception', (_, text) => {
    expect(openSecret(text, PLACE, KEYS)).toEqual({ ok: false, keyId: null, problem: 'malformed' });
  });
});

test('new secrets are encrypted with the newest key, and old ones can still be decrypted', () => {
  const keys = new Map([
    ['k1', randomBytes(32)],
    ['k2', randomBytes(32)],
  ]);
  const old = sealSecret(SECRET, PLACE, new Map([...keys].slice(0, 1)));
  const fresh = sealSecret(SECRET, PLACE, keys);
  expect(openSecret(fresh, PLACE, keys)).toEqual({ ok: true, secret: SECRET, keyId: 'k2' });
  expect(openSecret(old, PLACE, keys)).toEqual({ ok: true, secret: SECRET, keyId: 'k1' });
});

test('without a key nothing is encrypted', () => {
  expect(() => sealSecret(SECRET, PLACE, new Map())).toThrow(expect.objectContaining({ code: 'E_MFA_KEY' }));
});

test('no nonce is used twice', () => {
  const nonces = Array.from({ length: 1_000 }, () => sealSecret(SECRET, PLACE, KEYS).split(':')[3]);
  expect(new Set(nonces).size).toBe(1_000);
});

test('an encrypted secret can be decrypted only in its own row', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 30 });
  const place = fc.record({ table: text, column: text, factorId: text, userId: text });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), place, place, (secret, here, there) => {
      const sealed = sealSecret(secret, here, KEYS);
      expect(openSecret(sealed, here, KEYS)).toEqual({ ok: true, secret: Buffer.from(secret), keyId: 'k2026a' });
      const isSame = JSON.stringify(Object.values(here)) === JSON.stringify(Object.values(there));
      expect(openSecret(sealed, there, KEYS).ok).toBe(isSame);
    }),
  );
});

testWith('python3-cryptography')("Python opens the envelope with the row's data, and refuses it in another row", () => {
  const script = `
import base64, struct
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
def decode(text): return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
def open_it(text, table, column, factor, user):
    _, version, kid, nonce, sealed = text.split(':')
    parts = [part.encode() for part in ('potctl', version, table, column, factor, user, kid)]
    aad = b''.join(struct.pack('>I', len(part)) + part for part in parts)
    try: return AESGCM(bytes.fromhex(given['key'])).decrypt(decode(nonce), decode(sealed), aad).hex()
    except InvalidTag: return 'InvalidTag'
answer = [open_it(*row) for row in given['rows']]`;
  const secrets = Array.from({ length: 20 }, () => randomBytes(20));
  const places = secrets.map((_, at) => ({ ...PLACE, factorId: `f${at}`, userId: `joão-${at}` }));
  const sealed = secrets.map((secret, at) => sealSecret(secret, places[at]!, KEYS));
  const rowOf = (text: string, { table, column, factorId, userId }: SecretPlace) => [
    text,
    ...[table, column, factorId, userId],
  ];
  const own = sealed.map((text, at) => rowOf(text, places[at]!));
  const swapped = sealed.map((text, at) => rowOf(text, places[(at + 1) % places.length]!));
  const rows = [rowOf(VECTOR, PLACE), rowOf(VECTOR, { ...PLACE, userId: 'u2' }), ...own, ...swapped];
  expect(python(script, { key: KEY.toString('hex'), rows })).toEqual([
    SECRET.toString('hex'),
    'InvalidTag',
    ...secrets.map((secret) => secret.toString('hex')),
    ...secrets.map(() => 'InvalidTag'),
  ]);
});
