import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { potctlHere as potctl } from '../../support/run-main.js';
import { describeTree, folderForAll, makeTree } from '../../support/tree.js';

const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
const hasAttributes = spawnSync('setcap', ['-h'], { stdio: 'ignore' }).error === undefined;

/** A backup by root of files with three owners, stored where another user may restore them. */
async function site() {
  const folder = await folderForAll();
  const files = await makeTree({ 'mine.txt': 'x', 'web.txt': 'y', tool: 'z' }, path.join(folder, 'data', 'files'));
  for (const name of ['', 'mine.txt']) execFileSync('chown', [`${NOBODY}:${NOBODY}`, path.join(files, name)]);
  execFileSync('chown', [`${NOBODY}`, path.dirname(files)]);
  execFileSync('chown', ['33:33', path.join(files, 'web.txt')]);
  chmodSync(path.join(files, 'tool'), 0o4755);
  if (hasAttributes) execFileSync('setcap', ['cap_net_raw+ep', path.join(files, 'web.txt')]);
  const repository = path.join(folder, 'repository');
  const target = ['--files', files, '--repository', repository];
  expect((await potctl(['backup', 'create', '--only', 'files', ...target])).exitCode).toBe(0);
  execFileSync('chown', ['-R', `${NOBODY}`, repository]);
  const run = (...line: string[]) => potctl([...line, ...target], { user: NOBODY });
  return { files, folder, repository, run };
}

describe.skipIf(!isRoot)('a user who cannot set owners (needs root, to create such files)', () => {
  test('is shown by plan and result which owners are lost, and the result is partial', async () => {
    const { files, run } = await site();
    const line = ['latest', '--only', 'files'];

    const plan = await run('restore', 'plan', ...line, '--json');
    const done = await run('restore', 'run', ...line, '--confirm', 'files', '--json');

    const lost = [
      expect.stringMatching(/^only root can restore file owners: 2 entries .*33:33/),
      expect.stringContaining('set-user-ID'),
    ];
    expect(JSON.parse(plan.stdout).item).toMatchObject({ blocking: [], warnings: lost });
    const { result } = JSON.parse(done.stdout);
    expect(result.lost.slice(0, 2)).toEqual(lost);
    expect(result.warnings).toEqual(result.lost);
    if (hasAttributes) expect(result.lost[2]).toContain('security.capability');
    expect(done.exitCode).toBe(3);
    expect(lstatSync(path.join(files, 'web.txt')).uid).toBe(NOBODY);

    const read = await run('restore', 'run', ...line, '--confirm', 'files');
    expect(read.stderr).not.toContain('equal to the backup');
  });

  test('gets the same report for single files', async () => {
    const { folder, run } = await site();
    const to = path.join(folder, 'data', 'found');

    const tried = await run('restore', 'files', 'latest', '--path', 'web.txt', '--to', to, '--dry-run');
    const done = await run('restore', 'files', 'latest', '--path', 'web.txt', '--to', to);
    const own = await run('restore', 'files', 'latest', '--path', 'mine.txt', '--to', to);

    expect([tried.exitCode, done.exitCode, own.exitCode]).toEqual([0, 3, 0]);
    for (const { stderr } of [tried, done]) expect(stderr).toContain('only root can restore file owners');
    expect(own.stderr).not.toContain('owners');
  });
});

test.skipIf(!isRoot)('root restores every owner and reports no losses (needs root)', async () => {
  const { files, repository } = await site();
  const before = await describeTree(files);
  const line = ['latest', '--only', 'files', '--files', files, '--repository', repository, '--confirm', 'files'];

  const done = await potctl(['restore', 'run', ...line]);

  expect([done.exitCode, done.stderr]).toEqual([0, expect.stringContaining('3 files equal to the backup')]);
  expect(await describeTree(files)).toEqual(before);
});

test('user files whose names start like those of potctl are backed up, restored and undone like any other', async () => {
  const folder = await folderForAll();
  const own = { '.potctl-notes': 'mine', '.potctl-before-launch': { 'plan.txt': 'mine, too' }, 'a.txt': 'a' };
  const files = await makeTree({ ...own, '.potctl-swap-x.ndjson': 'no journal' }, path.join(folder, 'files'));
  const target = ['--only', 'files', '--files', files, '--repository', path.join(folder, 'repository')];
  const names = ['.potctl-before-launch', '.potctl-notes', '.potctl-swap-x.ndjson', 'a.txt'];
  const run = async (...line: string[]) => {
    const { exitCode, stderr, stdout } = await potctl([...line, ...target]);
    expect([line, exitCode, stderr]).toEqual([line, 0, stderr]);
    return stdout.trim();
  };
  const userNames = () => readdirSync(files).filter((name) => names.includes(name) || !name.startsWith('.potctl-'));

  await run('backup', 'create');
  writeFileSync(path.join(files, '.potctl-notes'), 'changed');
  mkdirSync(path.join(files, '.potctl-late-1'));
  const restored = await run('restore', 'run', 'latest', '--confirm', 'files');

  expect(userNames()).toEqual(names);
  expect(execFileSync('cat', [path.join(files, '.potctl-notes')], { encoding: 'utf8' })).toBe('mine');
  expect(existsSync(path.join(files, '.potctl-late-1'))).toBe(false);

  // Files kept by a run are excluded from backups.
  const listed = await run('backup', 'create');
  const shown = await potctl([
    'backup',
    'show',
    listed,
    '--files',
    '**',
    '--repository',
    path.join(folder, 'repository'),
  ]);
  expect(shown.stdout).toContain('.potctl-before-launch/plan.txt');
  expect(shown.stdout).not.toContain(restored);

  const target2 = ['--files', files, '--repository', path.join(folder, 'repository'), '--confirm', 'files'];
  expect((await potctl(['restore', 'undo', restored, ...target2])).exitCode).toBe(0);
  expect(execFileSync('cat', [path.join(files, '.potctl-notes')], { encoding: 'utf8' })).toBe('changed');
  expect(existsSync(path.join(files, '.potctl-late-1'))).toBe(true);
});
