import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Progress } from '../../../src/kernel/progress.js';
import { refusalOf } from '../../support/bad-input.js';
import { testPotctl } from '../../support/host.js';
import { type Ran, startPotctl } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { folderForAll, makeTree, temporaryFolder } from '../../support/tree.js';

const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
const canMount = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const zstd = spawnSync('sh', ['-c', 'command -v zstd'], { encoding: 'utf8' }).stdout.trim();

let folder: string;
let repository: string;
let files: string;
let id: string;

/** A backup of files that was verified and found good. */
beforeEach(async () => {
  folder = await folderForAll();
  repository = path.join(folder, 'repository');
  files = await makeTree({ 'a.txt': 'alpha', 'b.bin': Buffer.alloc(3_000_000, 'potctl') }, path.join(folder, 'files'));
  const made = await run('backup', 'create', '--only', 'files', '--files', files);
  id = made.stdout.trim();
  expect((await run('backup', 'verify', id, '--level', 'full')).exitCode).toBe(0);
});

const run = (...args: string[]): Promise<Ran> => potctl([...args, '--repository', repository]);

/** Runs a command that finds this shell script in the place of zstd. */
async function withZstd(body: string, ...args: string[]): Promise<Ran> {
  const bin = path.join(await temporaryFolder(), 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'zstd'), `#!/bin/sh\n${body}\n`);
  chmodSync(path.join(bin, 'zstd'), 0o755);
  return potctl([...args, '--repository', repository, '--json'], { env: { PATH: `${bin}:${process.env['PATH']}` } });
}

const eventsOf = (): { type: string; ok?: boolean }[] =>
  readFileSync(path.join(repository, 'backups', id, 'events.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Nobody thinks worse of the backup than before. */
async function expectGood(): Promise<void> {
  expect(eventsOf().filter(({ type, ok }) => type === 'verify' && ok === false)).toEqual([]);
  const shown = await run('backup', 'show', 'latest', '--files', files, '--json');
  expect(JSON.parse(shown.stdout).item).toMatchObject({ id, verified: { ok: true, level: 'full' } });
}

/** How the kernel and the machine stop a program that reads a good archive. */
const STOPS: Readonly<Record<string, string>> = {
  'is killed at once, as the kernel does when memory runs out': 'kill -KILL $$',
  'is killed half-way': `${zstd} "$@" | head -c 1000000; kill -KILL $$`,
  crashes: 'kill -SEGV $$',
  'is terminated': 'kill -TERM $$',
  'gets no memory': `ulimit -v 14000; exec ${zstd} "$@"`,
  'cannot write': `exec ${zstd} "$@" >/dev/full`,
  'lacks a library': 'exit 127',
};

describe.skipIf(zstd === '')('a good backup stays good when zstd (needs the program)', () => {
  test.each(Object.entries(STOPS))('%s while it is verified', async (_, body) => {
    const { exitCode, stdout } = await withZstd(body, 'backup', 'verify', id, '--level', 'full');

    const { checks } = JSON.parse(stdout).item;
    const files = checks.findLast(({ part }: { readonly part: string }) => part === 'files');
    expect(files).toMatchObject({ state: 'unknown', detail: expect.stringContaining('could not check') });
    expect(exitCode).toBe(3);
    await expectGood();
  });

  test('is killed during a restore: nothing is changed, and no damage is reported', async () => {
    const line = ['restore', 'run', id, '--only', 'files', '--files', files, '--confirm', 'files'];
    const refusal = refusalOf(await withZstd('kill -KILL $$', ...line));

    expect(refusal).toMatchObject({ exit: 17, code: 'E_TOOL_FAILED', changed: 'nothing' });
    expect(readdirSync(files).sort()).toEqual(['a.txt', 'b.bin']);
    await expectGood();
  });

  test('is killed while the new backup is verified', async () => {
    // The first is the one that compresses. Paths may contain "-d", too.
    const body = `case " $*" in *" -d"*) kill -KILL $$;; esac; exec ${zstd} "$@"`;
    const made = await withZstd(body, 'backup', 'create', '--only', 'files', '--files', files, '--verify', 'full');

    expect([made.exitCode, made.stderr]).toEqual([3, expect.stringContaining('could not check')]);
    expect(JSON.parse(made.stdout).result).toMatchObject({ status: 'complete', verified: false });
  });
});

test('a damaged archive is still reported as damaged', async () => {
  const archive = path.join(repository, 'backups', id, 'files.tar.zst');
  const name = readdirSync(path.dirname(archive)).find((file) => file.startsWith('files.tar'))!;
  const file = path.join(path.dirname(archive), name);
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);

  const { exitCode, stdout } = await run('backup', 'verify', id, '--level', 'full', '--json');

  const failed = JSON.parse(stdout).item.checks.filter(({ state }: { state: string }) => state === 'fail');
  expect([exitCode, failed.map(({ check }: { check: string }) => check)]).toEqual([20, [name, 'archive unpacked']]);
});

test('an interrupted verification records nothing about the backup', async () => {
  const running = startPotctl(['backup', 'verify', id, '--level', 'full', '--repository', repository, '--verbose']);
  await running.printed('run ');
  running.child.kill('SIGINT');
  const { exitCode } = await running.ended;

  expect([0, 130]).toContain(exitCode);
  await expectGood();
});

test.skipIf(!isRoot)(
  'files that this user may not read are unknown, and the rest is verified (needs root)',
  async () => {
    const name = readdirSync(path.join(repository, 'backups', id)).find((file) => file.startsWith('files.tar'))!;
    execFileSync('chown', ['-R', `${NOBODY}`, repository]);
    execFileSync('chown', ['0', path.join(repository, 'backups', id, name)]);

    const looked = await potctl(['backup', 'verify', id, '--repository', repository, '--json'], { user: NOBODY });

    expect(JSON.parse(looked.stdout).item.checks).toContainEqual({
      ...{ part: 'files', check: name, state: 'unknown' },
      detail: expect.stringContaining('EACCES'),
    });
    expect(looked.exitCode).toBe(3);
    await expectGood();
  },
);

test.skipIf(!canMount)('a disk unmounted during verification proves no damage (needs root, to mount)', async () => {
  const mounted = path.join(folder, 'mounted');
  mkdirSync(mounted);
  execFileSync('mount', ['--bind', repository, mounted]);
  onTestFinished(() => void spawnSync('umount', ['--lazy', mounted], { stdio: 'ignore' }));
  const progress: Progress = (step) => {
    if (step.kind === 'phase' && step.name === 'hashes') execFileSync('umount', ['--lazy', mounted]);
  };
  const backup = await testPotctl({ host: { progress, flags: { repository: mounted } } }).backup();

  const report = await backup.verify({ id }, 'full');

  expect(report.checks.filter(({ state }) => state === 'fail')).toEqual([]);
  const stored = report.checks.filter(({ part }) => part !== 'history');
  expect(stored.at(-1)).toMatchObject({ state: 'unknown', detail: expect.stringContaining('unmounted') });
  await expectGood();
});
