import { expect, test } from 'vitest';
import { parseAclItem } from '../../src/postgres/aclitem.js';
import { cutToBytes, nameWithSuffix, quoteIdentifier, quoteLiteral } from '../../src/postgres/identifiers.js';

test('a name is quoted whatever it contains', () => {
  expect(quoteIdentifier('3dpot_dev')).toBe('"3dpot_dev"');
  expect(quoteIdentifier('we"ird.Tab le')).toBe('"we""ird.Tab le"');
  expect(() => quoteIdentifier('')).toThrow(RangeError);
  expect(() => quoteIdentifier('a\0b')).toThrow(RangeError);
});

test('a text is quoted for both settings of standard_conforming_strings', () => {
  expect(quoteLiteral("it's")).toBe("'it''s'");
  expect(quoteLiteral("a\\'b")).toBe(" E'a\\\\''b'");
  expect(() => quoteLiteral('a\0')).toThrow(RangeError);
});

test.each([
  ['app', '_restore_x', 'app_restore_x'],
  ['n'.repeat(63), '_restore_x', `${'n'.repeat(53)}_restore_x`],
  ['表'.repeat(21), '_r', `${'表'.repeat(20)}_r`],
  ['😀'.repeat(15), '_ab', `${'😀'.repeat(15)}_ab`],
  ['a😀'.repeat(12), '_ab', `${'a😀'.repeat(12)}_ab`],
])('%s with %s has at most 63 bytes and no broken character', (name, suffix, expected) => {
  expect(nameWithSuffix(name, suffix)).toBe(expected);
  expect(Buffer.byteLength(expected)).toBeLessThanOrEqual(63);
});

test('cutting never leaves a broken character, at any length', () => {
  const text = 'añ表😀'.repeat(4);
  for (let bytes = 0; bytes <= Buffer.byteLength(text); bytes += 1) {
    const cut = cutToBytes(text, bytes);
    expect(text.startsWith(cut)).toBe(true);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
  }
});

test('an access list entry is parsed with quoted names, PUBLIC and grant options', () => {
  expect(parseAclItem('=Tc/postgres')).toEqual({
    grantee: null,
    grantor: 'postgres',
    privileges: [
      { letter: 'T', withGrantOption: false },
      { letter: 'c', withGrantOption: false },
    ],
  });
  expect(parseAclItem('"a=b ""c/"=c*/"x/y"')).toEqual({
    grantee: 'a=b "c/',
    grantor: 'x/y',
    privileges: [{ letter: 'c', withGrantOption: true }],
  });
  expect(() => parseAclItem('nonsense')).toThrow(RangeError);
});
