import { expect, test } from 'vitest';
import type { Invocation } from '../../commands/cli/parse/invocation.js';
import { list, text } from '../../commands/cli/parse/options.js';
import { asCommand, type Here, hereOf, NOWHERE, spelled, withSpelled } from '../../commands/cli/run/next.js';
import { commands } from '../../commands/registry.js';
import {
  type Advice,
  type Again,
  advice,
  adviceText,
  again,
  asUser,
  joinAdvice,
  potctl,
  withoutRepeats,
} from '../../src/kernel/next.js';

const NONE: Here = { ...NOWHERE, commands };
const NO_TARGET = NONE.target;
const HERE: Here = {
  ...NONE,
  globals: [['-p', 'prod']],
  target: { ...NO_TARGET, repository: [['--repository', '/mnt/back ups']] },
};

const placed: readonly (readonly [Advice, string])[] = [
  [
    advice`Next:  ${potctl('mfa', 'confirm', 'ana', '--reason', '…')}`,
    'Next:  potctl mfa confirm ana --reason "…" -p prod',
  ],
  [potctl('mfa', 'enroll', 'USER'), 'potctl mfa enroll USER -p prod'],
  [advice`See it: ${potctl('mfa', 'status', 'ana')}.`, 'See it: `potctl mfa status ana -p prod`.'],
  [advice`${potctl('setup')}, then ${potctl('history')}`, '`potctl setup -p prod`, then `potctl history -p prod`'],
  [potctl('backup', 'list'), "potctl backup list -p prod --repository '/mnt/back ups'"],
  [
    advice`Until 10:00 (in 1h):  ${potctl('restore', 'undo', '5t2')}`,
    "Until 10:00 (in 1h):  potctl restore undo 5t2 -p prod --repository '/mnt/back ups'",
  ],
  [advice`  Undo  ${potctl('setup')}   kept 3d`, '  Undo  potctl setup -p prod   kept 3d'],
  [advice`check it: ${potctl('config', 'validate')}`, 'check it: `potctl config validate -p prod`'],
];
test.each(placed)('a proposed command works in the same place: %j', (given, wanted) => {
  expect(spelled(given, HERE)).toBe(wanted);
});

const kept: readonly (readonly [Advice, string])[] = [
  [potctl('explain', 'E_LOCKED'), 'potctl explain E_LOCKED'],
  [advice`See ${potctl('mfa', 'list', '--help')}.`, 'See `potctl mfa list --help`.'],
  [potctl('mfa', 'reset', 'ana', '-p', 'prod', '--confirm', 'ana'), 'potctl mfa reset ana -p prod --confirm ana'],
  ['a person called potctl mfa', 'a person called potctl mfa'],
  ['Debian, Ubuntu: `apt install postgresql-client`', 'Debian, Ubuntu: `apt install postgresql-client`'],
];
test.each(kept)('a command that names its place, or needs none, is unchanged: %j', (given, wanted) => {
  expect(spelled(given, HERE)).toBe(wanted);
});

test('without such flags nothing is added', () => {
  expect(spelled(potctl('backup', 'list'), NONE)).toBe('potctl backup list');
});

test('a flag that is already given is not repeated', () => {
  const here: Here = { ...HERE, target: { ...HERE.target, database: [['--database', 'app']] } };
  expect(spelled(potctl('mfa', 'list', '--database', 'other'), here)).toBe('potctl mfa list --database other -p prod');
  expect(spelled(potctl('mfa', 'list', '--database=other'), here)).toBe('potctl mfa list --database=other -p prod');
});

test('variables that named the database are repeated, except for commands that use no database', () => {
  const here: Here = { ...NONE, variables: { PGHOST: '/run/pg', PGDATABASE: 'my app' } };
  expect(spelled(advice`See ${potctl('restore', 'list')}.`, here)).toBe(
    "See `PGHOST=/run/pg PGDATABASE='my app' potctl restore list`.",
  );
  expect(spelled(advice`See ${potctl('config', 'path')}.`, here)).toBe('See `potctl config path`.');
});

test('a database named by a flag keeps the server named by the variables', () => {
  const here: Here = {
    ...NONE,
    variables: { PGHOST: '/run/pg', PGDATABASE: 'app' },
    target: { ...NO_TARGET, database: [['--database', 'other']] },
  };
  expect(spelled(potctl('restore', 'undo', '5t2'), here)).toBe(
    'PGHOST=/run/pg potctl restore undo 5t2 --database other',
  );
  expect(spelled(potctl('restore', 'run', '--database', 'x'), here)).toBe(
    'PGHOST=/run/pg potctl restore run --database x',
  );
});

const command = (name: string) => commands.find((one) => one.name === name)!;
const at = (name: string, given: Partial<Pick<Invocation, 'globals' | 'target' | 'input'>>, env = {}): Here => {
  const invocation = { command: command(name), globals: {}, target: {}, input: {}, ...given } as unknown as Invocation;
  return hereOf(invocation, name.split(' '), { environment: env, cwd: '/w', commands });
};

test('locations become absolute, because an undo is pasted later and elsewhere; keys of the profile and buckets stay', () => {
  const of = (repository: string): string => {
    const target = { files: './st', repository } as Invocation['target'];
    return spelled(potctl('restore', 'undo'), at('restore run', { target, input: { backupDir: 'old' } }));
  };
  expect(of('./rp')).toBe('potctl restore undo --files /w/st --repository /w/rp --backup-dir /w/old');
  expect(of('offsite')).toContain('--repository offsite ');
  expect(of('s3://b/p')).toContain('--repository s3://b/p ');
});

test('a file pattern is not mistaken for the files directory', () => {
  const of = (files: string): string =>
    spelled(potctl('backup', 'list'), at('backup show', { target: { files } as Invocation['target'] }));
  expect(of('uploads/**')).toBe('potctl backup list');
  expect(of('./st')).toBe('potctl backup list --files /w/st');
});

test('a profile replaces all variables', () => {
  const env = { PGHOST: '/run/pg' };
  const globals = { profile: 'prod' } as Invocation['globals'];
  expect(spelled(potctl('doctor'), at('doctor', { globals }, env))).toBe('potctl doctor -p prod');
  expect(spelled(potctl('doctor'), at('doctor', {}, env))).toBe('PGHOST=/run/pg potctl doctor');
});

test('values of variables for this line become absolute flags; POTCTL_PROFILE stays a variable', () => {
  const env = { POTCTL_REPOSITORY: 'r/p', POTCTL_FILES: '~/st', POTCTL_CONFIG: 'c.yaml', POTCTL_PROFILE: 'prod' };
  const here = at('restore run', {}, { ...env, PGDATABASE: 'app' });
  expect(spelled(potctl('restore', 'undo', '5t2'), here)).toBe(
    "POTCTL_PROFILE=prod PGDATABASE=app potctl restore undo 5t2 --config /w/c.yaml --files '~/st' --repository /w/r/p",
  );
  expect(spelled(potctl('config', 'validate'), here)).toBe(
    'POTCTL_PROFILE=prod potctl config validate --config /w/c.yaml',
  );
  expect(spelled(again('--repository', 'offsite', '-p', 'prod'), here)).toBe(
    "potctl restore run --config /w/c.yaml --files '~/st' --repository offsite -p prod",
  );
  const plan = at('restore plan', {}, env);
  expect(asCommand(['restore plan', 'restore run'], 'ID', undefined, plan)).toBe(
    "POTCTL_PROFILE=prod potctl restore run ID --config /w/c.yaml --files '~/st' --repository /w/r/p",
  );
});

test('a flag outranks its variable, and one that takes patterns is unchanged', () => {
  const env = { POTCTL_REPOSITORY: '/env', POTCTL_FILES: '/srv' };
  const target = { repository: '/flag', files: 'up/**' } as Invocation['target'];
  const here = at('backup show', { target }, env);
  expect(spelled(potctl('backup', 'list'), here)).toBe('potctl backup list --files /srv --repository /flag');
  expect(spelled(again('--repository', '/other'), here)).toBe('potctl backup show --repository /other');
});

test('a command for another place names it, whatever this line contains', () => {
  const here: Here = { ...HERE, variables: { PGHOST: '/run/pg' } };
  const scope = { profile: 'other', repository: '/r' };
  expect(spelled({ ...potctl('backup', 'list'), scope }, here)).toBe('potctl backup list -p other --repository /r');
});

test('a folder of old backups is repeated for commands that accept one', () => {
  const here: Here = { ...NONE, backupDir: [['--backup-dir', 'old']] };
  expect(spelled(advice`${potctl('restore', 'undo', '5t2')} and ${potctl('backup', 'import', 'old')}`, here)).toBe(
    '`potctl restore undo 5t2 --backup-dir old` and `potctl backup import old`',
  );
});

test('flags are inserted before --', () => {
  expect(spelled(potctl('mfa', 'status', '--', '-odd'), HERE)).toBe('potctl mfa status -p prod -- -odd');
});

const AS_APP: Again = { again: [], environment: { PGUSER: 'app' } };
const KNOWN = [text('--from-series <name>', ''), text('--wait <duration>', ''), list('--accept <name>', '')];

const parts: readonly (readonly [Advice, string])[] = [
  [
    advice`If it is this one: ${again('--from-series', 'db:app')}`,
    'If it is this one: `potctl restore plan latest -p prod --wait 5m --from-series db:app`',
  ],
  [
    advice`Wait for it: repeat the command with ${again('--wait', '30m')}.`,
    'Wait for it: repeat the command with `potctl restore plan latest -p prod --wait 30m`.',
  ],
  [advice`Verify the backup with ${again('--level', 'full')}.`, 'Verify the backup with `--level full`.'],
  [
    advice`Run as its user: ${asUser('postgres')}`,
    'Run as its user: `sudo -u postgres potctl restore plan latest -p prod --wait 5m`',
  ],
  [
    advice`Or as another role: ${AS_APP}`,
    'Or as another role: `PGUSER=app potctl restore plan latest -p prod --wait 5m`',
  ],
];
test.each(parts)('advice about the current command line is that line, changed: %j', (given, wanted) => {
  const argv = ['restore', 'plan', 'latest', '-p', 'prod', '--wait', '5m'];
  expect(spelled(given, { ...NONE, argv, known: KNOWN })).toBe(wanted);
});

test('a flag replaces the same flag, and a variable the one that is set', () => {
  const argv = ['restore', 'plan', '--wait', '1s', '--', '-odd'];
  const here: Here = { ...NONE, argv, known: KNOWN, variables: { PGUSER: 'root', PGDATABASE: 'app' } };
  expect(spelled(again('--wait', '30m'), here)).toBe(
    'PGUSER=root PGDATABASE=app potctl restore plan --wait 30m -- -odd',
  );
  expect(spelled(AS_APP, here)).toBe('PGDATABASE=app PGUSER=app potctl restore plan --wait 1s -- -odd');
  expect(spelled(asUser('postgres', { PGUSER: 'postgres' }), here)).toBe(
    'sudo -u postgres PGUSER=postgres PGDATABASE=app potctl restore plan --wait 1s -- -odd',
  );
});

test('a repeatable flag is added, and confirmation flags are left out', () => {
  const argv = ['restore', 'run', '--accept', 'a b', '--yes'];
  const here: Here = { ...NONE, argv, known: KNOWN };
  expect(spelled(again('--accept', 'c'), here)).toBe("potctl restore run --accept 'a b' --yes --accept c");
  expect(spelled({ ...again('--accept', 'c'), without: ['--yes'] }, here)).toBe(
    "potctl restore run --accept 'a b' --accept c",
  );
});

test('if the command line could not be parsed, only the flags are shown', () => {
  expect(spelled(advice`Repeat it with ${again('--wait', '30m')}.`, NOWHERE)).toBe('Repeat it with `--wait 30m`.');
  expect(spelled(asUser('postgres'), NOWHERE)).toBe('sudo -u postgres');
});

test('a word with special meaning in a shell is quoted', () => {
  expect(spelled(potctl('backup', 'show', '$(id)', '--files', '**'), NONE)).toBe(
    "potctl backup show '$(id)' --files '**'",
  );
  expect(spelled(potctl('mfa', 'status', 'joão'), NONE)).toBe('potctl mfa status joão');
});

test('advice can be embedded in advice, and duplicates are dropped', () => {
  const one = advice`see ${potctl('doctor')}`;
  expect(spelled(advice`a: ${one}, ${2}`, NONE)).toBe('a: see `potctl doctor`, 2');
  expect(spelled(joinAdvice([one, 'b', potctl('setup')], '; '), NONE)).toBe('see `potctl doctor`; b; `potctl setup`');
  expect(withoutRepeats([one, 'b', advice`see ${potctl('doctor')}`, 'b'])).toEqual([one, 'b']);
  expect(advice`only text`).toBe('only text');
});

test('a result contains its advice as text, and everything else unchanged', () => {
  const result = { fix: [potctl('doctor'), 'b'], undo: null, at: { command: 'x', list: [1n, undefined] } };
  expect(withSpelled(result, HERE)).toEqual({
    ...{ fix: ["potctl doctor -p prod --repository '/mnt/back ups'", 'b'], undo: null },
    at: { command: 'x', list: [1n, undefined] },
  });
});

test('the plan becomes the run with the same flags and the id of the planned backup', () => {
  const as = (...argv: string[]) =>
    asCommand(['restore plan', 'restore run'], 'ID', argv.includes('latest') ? 'latest' : undefined, { ...NONE, argv });
  expect(as('restore', 'plan', 'latest', '--only', 'db', '--json')).toBe('potctl restore run ID --only db');
  expect(as('-p', 'prod', 'restore', 'plan')).toBe('potctl -p prod restore run ID');
});

const toldPlainly: readonly (readonly [Advice, string])[] = [
  [advice`See ${potctl('backup', 'show', "it's")}.`, "See `potctl backup show 'it'\\''s'`."],
  [advice`Next:  ${potctl('mfa', 'confirm', 'joão', '--reason', '…')}`, 'Next:  potctl mfa confirm joão --reason "…"'],
  [
    { ...potctl('backup', 'list'), scope: { profile: 'b', repository: '/r r' } },
    "potctl backup list -p b --repository '/r r'",
  ],
  [{ ...potctl('mfa', 'status', '--', '-odd'), scope: { profile: 'b' } }, 'potctl mfa status -p b -- -odd'],
  [advice`Wait: ${again('--wait', '30m')}.`, 'Wait: the same command with `--wait 30m`.'],
  [
    { ...again('--mode', 'new'), without: ['--tables', '--yes'] },
    'the same command without --tables --yes with --mode new',
  ],
  [asUser('postgres', { PGUSER: 'a b' }), "the same command with PGUSER='a b' as the system user postgres"],
  ['only text', 'only text'],
];
test.each(toldPlainly)('without a command line, advice is still text: %j', (given, wanted) => {
  expect(adviceText(given)).toBe(wanted);
});
