import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeBase32 } from '../../src/mfa/base32.js';
import { provisioningUri, SECRET_BYTES } from '../../src/mfa/provisioning-uri.js';
import { python, testWith } from '../support/programs.js';

const SECRET = 'JBSWY3DPEHPK3PXP';

test.each([
  ['3dPot', 'a+b@example.com', '3dPot:a%2Bb%40example.com', '3dPot'],
  ['VIU Platform', 'ana@viu.test', 'VIU%20Platform:ana%40viu.test', 'VIU%20Platform'],
  ['Pots & Pans', 'ana', 'Pots%20%26%20Pans:ana', 'Pots%20%26%20Pans'],
  ['100% + 1?', 'a/b#c', '100%25%20%2B%201%3F:a%2Fb%23c', '100%25%20%2B%201%3F'],
  ['Cia 🪴', 'joão', 'Cia%20%F0%9F%AA%B4:jo%C3%A3o', 'Cia%20%F0%9F%AA%B4'],
])(
  '%s and %s: the issuer is both prefix and parameter, and defaults are left out',
  (issuer, label, path, parameter) => {
    expect(provisioningUri(issuer, label, SECRET)).toBe(`otpauth://totp/${path}?secret=${SECRET}&issuer=${parameter}`);
  },
);

test('a new secret has 160 bits, and its URI only characters that every scanner reads', () => {
  const secret = encodeBase32(randomBytes(SECRET_BYTES));
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  const all = Array.from({ length: 0x250 }, (_, code) => String.fromCodePoint(code))
    .filter((character) => !/[\p{Cc}\u00ad:]/u.test(character))
    .join('');
  const uri = provisioningUri(all, all, secret);
  expect(uri).toMatch(/^[\w:/?=&%.!~*'()-]+$/);
  expect(uri).not.toContain('+');
});

test.each([
  ['an issuer with a colon', '3dPot: Ltda', 'ana', 'mfa.issuer'],
  ['a name with a colon', '3dPot', 'a:b@example.com', 'name of the account'],
  ['an empty issuer', '', 'ana', 'mfa.issuer'],
  ['an issuer of spaces', '   ', 'ana', 'mfa.issuer'],
  ['an issuer that nobody can read', '\u200b\u2060', 'ana', 'mfa.issuer'],
  ['only an emoji', '🪴', 'ana', 'mfa.issuer'],
  ['an empty name', '3dPot', '', 'name of the account'],
  ['a line end in the name', '3dPot', 'ana\nbob', 'name of the account'],
  ['an escape in the issuer', '3dPot\u001b[2J', 'ana', 'mfa.issuer'],
])('%s is refused, and the message says where to change it', (_, issuer, label, fix) => {
  expect(() => provisioningUri(issuer, label, SECRET)).toThrow(
    expect.objectContaining({ code: 'E_USAGE', fix: [expect.stringContaining(fix)] }),
  );
  expect(() => provisioningUri(issuer, label, SECRET)).not.toThrow(SECRET);
});

test.each([
  ['3d\u202etoP', 'U+202E (right-to-left override)'],
  ['3dPot\u200b', 'U+200B (zero-width space)'],
  ['3d\u2066Pot', 'U+2066 (left-to-right isolate)'],
  ['3dPot\ufeff', 'U+FEFF (byte order mark)'],
  ['3dPot\u3164', 'U+3164 (Hangul filler)'],
  ['3d\u009bPot', 'U+009B'],
  ['3d\u{e0041}Pot', 'U+E0041'],
  ['3d\ud800Pot', 'U+D800'],
])('%j with a hidden character is refused as issuer and as name, and the character is named', (text, character) => {
  for (const [issuer, label] of [
    [text, 'ana'],
    ['3dPot', text],
  ] as const) {
    expect(() => provisioningUri(issuer, label, SECRET)).toThrow(character);
  }
});

const ISSUERS = ['3dPot', 'VIU Platform', 'Cerâmica São João', '陶器', 'Cia 🪴', "Ana's (test)", 'A-Z_0.9~'];
const LABELS = [
  'a+b@example.com',
  'ana maria',
  'joão@exämple.com',
  'R&D@example.com',
  'x=1@example.com',
  'ana 🪴',
  '花子',
];

testWith('python3-pyotp')('pyotp reads back the same secret, issuer and name', () => {
  const cases = ISSUERS.flatMap((issuer) =>
    LABELS.map((label) => ({ issuer, label, secret: encodeBase32(randomBytes(20)) })),
  );
  const script = `
import pyotp
def read(uri):
    totp = pyotp.parse_uri(uri)
    return {'issuer': totp.issuer, 'label': totp.name, 'secret': totp.secret, 'rest': [totp.digits, totp.interval, totp.digest().name]}
answer = [read(uri) for uri in given]`;
  const given = cases.map(({ issuer, label, secret }) => provisioningUri(issuer, label, secret));
  expect(python(script, given)).toEqual(cases.map((one) => ({ ...one, rest: [6, 30, 'sha1'] })));
});

testWith('python3-pyotp')('issuers with & + ? # come back, too, where an address is split before it is decoded', () => {
  const issuers = [...ISSUERS, 'Pots & Pans', 'C++', 'what?', '#1 = 100%', 'a;b,c', '%20'];
  const script = `
from urllib.parse import urlsplit, parse_qs, unquote
def read(uri):
    url = urlsplit(uri)
    query = parse_qs(url.query, strict_parsing=True)
    front, name = [unquote(part) for part in url.path[1:].split(':')]
    return [url.scheme, url.netloc, front, name, query]
answer = [read(uri) for uri in given]`;
  const given = issuers.map((issuer) => provisioningUri(issuer, 'a&b?c#d+e@example.com', SECRET));
  expect(python(script, given)).toEqual(
    issuers.map((issuer) => [
      'otpauth',
      'totp',
      issuer,
      'a&b?c#d+e@example.com',
      { secret: [SECRET], issuer: [issuer] },
    ]),
  );
});
