import { expect, test } from 'vitest';
import type { Invocation } from '../../commands/cli/parse/invocation.js';
import { type Aim, aimed, aimOf, asCommand } from '../../commands/cli/run/aim.js';

const NONE: Aim = { environment: '', globals: [], target: [], places: [], backupDir: [], argv: [], known: [] };
const AIM: Aim = { ...NONE, globals: [['-p', 'prod']], places: [['--repository', '/mnt/back ups']] };

test.each([
  ['Next:  potctl mfa confirm ana --reason "…"', 'Next:  potctl mfa confirm ana --reason "…" -p prod'],
  ['potctl mfa enroll USER', 'potctl mfa enroll USER -p prod'],
  ['See it: `potctl mfa status ana`.', 'See it: `potctl mfa status ana -p prod`.'],
  ['`potctl setup`, then `potctl history`', '`potctl setup -p prod`, then `potctl history -p prod`'],
  ['potctl backup list', "potctl backup list -p prod --repository '/mnt/back ups'"],
  [
    'Until 10:00 (in 1h):  potctl restore undo 5t2',
    "Until 10:00 (in 1h):  potctl restore undo 5t2 -p prod --repository '/mnt/back ups'",
  ],
  ['  Undo  `potctl setup`   kept 3d', '  Undo  `potctl setup -p prod`   kept 3d'],
  ['check it: `potctl config validate`', 'check it: `potctl config validate -p prod`'],
])('a proposed command works in the same place: %s', (given, wanted) => {
  expect(aimed(given, AIM)).toBe(wanted);
});

test.each([
  'potctl explain E_LOCKED',
  'See `potctl mfa list --help`.',
  'potctl mfa reset ana -p prod --confirm ana',
  'a person called potctl mfa',
  'Debian, Ubuntu: `apt install postgresql-client`',
])('what names its place, or has none, stays as it is: %s', (text) => {
  expect(aimed(text, AIM)).toBe(text);
});

test('without such flags nothing is added', () => {
  expect(aimed('potctl backup list', NONE)).toBe('potctl backup list');
});

test('what is given already is not given twice', () => {
  const aim = { ...AIM, target: [['--database', 'app']] as const };
  expect(aimed('potctl mfa list --database other', aim)).toBe('potctl mfa list --database other -p prod');
});

test('the variables that named the database of this line are repeated, but where a command looks at none', () => {
  const aim = { ...NONE, environment: "PGHOST=/run/pg PGDATABASE='my app' " };
  expect(aimed('See `potctl restore list`.', aim)).toBe(
    "See `PGHOST=/run/pg PGDATABASE='my app' potctl restore list`.",
  );
  expect(aimed('See `potctl config path`.', aim)).toBe('See `potctl config path`.');
});

test('a database that is named by a flag keeps the server that the variables name', () => {
  const aim = { ...NONE, environment: 'PGHOST=/run/pg PGDATABASE=app ', target: [['--database', 'other']] as const };
  expect(aimed('`potctl restore undo 5t2`', aim)).toBe('`PGHOST=/run/pg potctl restore undo 5t2 --database other`');
  expect(aimed('`potctl restore run --database x`', aim)).toBe('`PGHOST=/run/pg potctl restore run --database x`');
});

test('a place is absolute, since an undo is pasted later and elsewhere; a key of the profile and a bucket stay', () => {
  const of = (repository: string) => {
    const target = { files: './st', repository };
    const invocation = { globals: {}, target, input: { backupDir: 'old' } } as unknown as Invocation;
    return aimed('potctl restore undo', aimOf(invocation, [], { environment: {}, cwd: '/w' }, []));
  };
  expect(of('./rp')).toBe('potctl restore undo --files /w/st --repository /w/rp --backup-dir /w/old');
  expect(of('offsite')).toContain('--repository offsite ');
  expect(of('s3://b/p')).toContain('--repository s3://b/p ');
});

test('a folder of old backups stays named for the commands that read one', () => {
  const aim = { ...NONE, backupDir: [['--backup-dir', 'old']] as const };
  expect(aimed('`potctl restore undo 5t2` and `potctl backup import old`', aim)).toBe(
    '`potctl restore undo 5t2 --backup-dir old` and `potctl backup import old`',
  );
});

test.each([
  [
    'If it is this one: `--from-set db:app`',
    'If it is this one: `potctl restore plan latest -p prod --from-set db:app`',
  ],
  [
    'Wait for it: repeat the command with `--wait 30m`.',
    'Wait for it: repeat the command with `potctl restore plan latest -p prod --wait 30m`.',
  ],
  ['Verify the backup with `--level full`.', 'Verify the backup with `--level full`.'],
  [
    'Run as its user: `sudo -u postgres`',
    'Run as its user: `sudo -u postgres potctl restore plan latest -p prod --wait 5m`',
  ],
  ['Or as another role: `PGUSER=app`', 'Or as another role: `PGUSER=app potctl restore plan latest -p prod --wait 5m`'],
])('a part of a command at the end becomes this line with it: %s', (given, wanted) => {
  const argv = ['restore', 'plan', 'latest', '-p', 'prod', ...(given.includes('--') ? [] : ['--wait', '5m'])];
  expect(aimed(given, { ...NONE, argv, known: ['--from-set', '--wait'] })).toBe(wanted);
});

test('a part of a command takes the place of the same one, and of the variable that it sets', () => {
  const argv = ['restore', 'plan', '--wait', '1s', '--', '-odd'];
  const aim = { ...NONE, argv, known: ['--wait'], environment: 'PGUSER=root PGDATABASE=app ' };
  expect(aimed('`--wait 30m`', aim)).toBe('`PGUSER=root PGDATABASE=app potctl restore plan --wait 30m -- -odd`');
  expect(aimed('`PGUSER=app`', aim)).toBe('`PGDATABASE=app PGUSER=app potctl restore plan --wait 1s -- -odd`');
});

test('the plan becomes the run with the same flags and the id of what was looked at', () => {
  const as = (...argv: string[]) =>
    asCommand(['restore plan', 'restore run'], 'ID', argv.includes('latest') ? 'latest' : undefined, { ...NONE, argv });
  expect(as('restore', 'plan', 'latest', '--only', 'db', '--json')).toBe('potctl restore run ID --only db');
  expect(as('-p', 'prod', 'restore', 'plan')).toBe('potctl -p prod restore run ID');
});
