import { expect, test } from 'vitest';
import { createTarWarnings } from '../../src/archive/tar-warnings.js';

function told(...lines: readonly string[]) {
  const warnings = createTarWarnings();
  for (const line of lines) warnings.add(line);
  return warnings.about;
}

test('a read error is recorded, because tar continues with zeros and the file itself does not show it', () => {
  const about = told('tar: "d/a": Read error at byte 4096, while reading 512 bytes: Input/output error');
  expect([about('d/a'), about('d'), about('d/b')]).toEqual(['unreadable', undefined, undefined]);
});

test('names are unquoted byte for byte', () => {
  const about = told(
    'tar: "n\\377\\376": file changed as we read it',
    '/usr/bin/tar: "new\\nline\\t\\"q\\" back\\\\slash: x": File shrank by 5 bytes; padding with zeros',
    'tar: "d/": Warning: Cannot llistxattrat: Permission denied',
    'tar: ".": Warning: Cannot llistxattrat: Permission denied',
  );
  expect(about('n\xff\xfe')).toBe('changed');
  expect(about('new\nline\t"q" back\\slash: x')).toBe('changed');
  expect([about('d'), about('')]).toEqual(['unreadable', 'unreadable']);
});

test('messages about missing members, or about no file, are ignored', () => {
  const about = told(
    'tar: "a": Cannot open: Permission denied',
    'tar: "a": Cannot stat: No such file or directory',
    'tar: "a": File removed before we read it',
    'tar: "a": socket ignored',
    'tar: Exiting with failure status due to previous errors',
  );
  expect(about('a')).toBeUndefined();
});

test('with too many warnings every file counts as changed', () => {
  const lines = Array.from({ length: 100_001 }, (_, n) => `tar: "${n}": file changed as we read it`);
  expect(told(...lines)('never mentioned')).toBe('changed');
  expect(told(...lines.slice(0, 10))('never mentioned')).toBeUndefined();
});
