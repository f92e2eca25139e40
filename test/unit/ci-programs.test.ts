import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

/** Sources `.ci/programs` on a machine that has nothing but the given programs, and an apt-get that notes what it is asked. */
function machine({ user, has, apt }: { user: number; has: readonly string[]; apt: number | null }) {
  const bin = mkdtempSync(path.join(tmpdir(), 'potctl-programs-'));
  onTestFinished(() => rmSync(bin, { recursive: true }));
  const put = (name: string, script: string): void => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  };
  put('id', `echo ${user}`);
  put('timeout', 'shift; exec "$@"');
  for (const name of has) put(name, ':');
  const asked = path.join(bin, 'asked');
  if (apt !== null) put('apt-get', `echo "$DEBIAN_FRONTEND $*" >> ${asked}; exit ${apt}`);
  symlinkSync('/bin/sh', path.join(bin, 'sh'));
  const { status, stdout, stderr } = spawnSync('/bin/bash', ['-uo', 'pipefail', '-c', '. .ci/programs; echo went on'], {
    env: { PATH: bin, SHLVL: '1' },
    encoding: 'utf8',
  });
  return { status, stdout, stderr, asked: existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : [] };
}

const ALL = ['oathtool', 'zbarimg', 'faketime', 'tmux', 'zstd'];
const isDebian = existsSync('/etc/debian_version');
const hasPython = spawnSync('/usr/bin/python3', ['-c', 'import pyotp, cryptography']).status === 0;
const majors = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').map(Number) : [];
const hasPostgis =
  majors.length === 0 || existsSync(`/usr/share/postgresql/${Math.max(...majors)}/extension/postgis.control`);

test.skipIf(!isDebian)('root gets the programs that are missing, and the run goes on when apt cannot give them', () => {
  const { status, stdout, stderr, asked } = machine({ user: 0, has: ['oathtool', 'faketime'], apt: 100 });
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'went on\n' });
  expect(asked[0]).toBe('noninteractive update -qq');
  expect(asked).toContain('noninteractive install -y -qq --no-install-recommends zbar-tools');
  expect(asked).toContain('noninteractive install -y -qq --no-install-recommends tmux');
  expect(asked.join()).not.toMatch(/oathtool|faketime/);
  expect(stderr).toMatch(/^Installing for the tests: zbar-tools tmux.*\n.*are skipped: zbar-tools tmux.*\n$/);
});

test('for anybody else nothing is installed; a line names what is skipped', () => {
  const { status, stdout, stderr, asked } = machine({ user: 1000, has: ALL.slice(1), apt: 0 });
  expect({ status, stdout, asked }).toEqual({ status: 0, stdout: 'went on\n', asked: [] });
  expect(stderr).toMatch(/^The tests that need these are skipped: oathtool.*\n$/);
});

test('without apt nothing fails', () => {
  const { status, stdout, stderr } = machine({ user: 0, has: ALL.slice(1), apt: null });
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'went on\n' });
  expect(stderr).toMatch(/^The tests that need these are skipped: oathtool.*\n$/);
});

test.skipIf(!hasPython || !hasPostgis)('where all are there, apt is not even asked for its lists', () => {
  expect(machine({ user: 0, has: ALL, apt: 0 })).toEqual({ status: 0, stdout: 'went on\n', stderr: '', asked: [] });
});
