import { expect, test } from 'vitest';
import { aimed } from '../../commands/aim.js';

const AIM = { target: ' -p prod', places: " --repository '/mnt/back ups'" };

test.each([
  ['Next:  potctl mfa confirm ana --reason "…"', 'Next:  potctl mfa confirm ana --reason "…" -p prod'],
  ['potctl mfa enroll USER', 'potctl mfa enroll USER -p prod'],
  ['See it: `potctl mfa status ana`.', 'See it: `potctl mfa status ana -p prod`.'],
  ['`potctl setup`, then `potctl history`', '`potctl setup -p prod`, then `potctl history -p prod`'],
  ['potctl backup list', "potctl backup list -p prod --repository '/mnt/back ups'"],
])('a proposed command works in the same place: %s', (given, wanted) => {
  expect(aimed(given, AIM)).toBe(wanted);
});

test.each([
  'potctl explain E_LOCKED',
  'See `potctl mfa list --help`.',
  'potctl mfa reset ana -p prod --confirm ana',
  'potctl config show --origin',
  'a person called potctl mfa',
  'Debian, Ubuntu: `apt install postgresql-client`',
])('what names its place, or has none, stays as it is: %s', (text) => {
  expect(aimed(text, AIM)).toBe(text);
});

test('without such flags nothing is added', () => {
  expect(aimed('potctl backup list', { target: '', places: '' })).toBe('potctl backup list');
});
