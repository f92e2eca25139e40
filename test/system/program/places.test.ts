import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

const canMount =
  process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** A folder with a tree `data`, and another one `other`; and paths in it. */
async function site() {
  const folder = await temporaryFolder();
  const at = (...names: string[]): string => path.join(folder, ...names);
  await makeTree({ 'a.txt': 'alpha', sub: { deep: { 'b.txt': 'beta' } } }, at('data'));
  return { folder, at };
}

function bind(from: string, to: string): void {
  for (const place of [from, to]) mkdirSync(place, { recursive: true });
  execFileSync('mount', ['--bind', from, to]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', to]));
}

const create = (files: string, repository: string) =>
  potctl(['backup', 'create', '--only', 'files', '--files', files, '--repository', repository, '--json']);
const restore = (verb: string, files: string, repository: string, ...more: string[]) =>
  potctl(['restore', verb, 'latest', '--only', 'files', '--files', files, '--repository', repository, ...more]);
const manifests = (repository: string): string[] =>
  existsSync(path.join(repository, 'backups')) ? readdirSync(path.join(repository, 'backups')) : [];

const WAYS: Readonly<Record<string, (at: (...names: string[]) => string) => { tree: string; repository: string }>> = {
  'is inside them': (at) => ({ tree: at('data'), repository: at('data', 'backups') }),
  'is named by a link that leads into them': (at) => {
    mkdirSync(at('data', 'backups'));
    symlinkSync(at('data', 'backups'), at('backups'));
    return { tree: at('data'), repository: at('backups') };
  },
  'contains them': (at) => ({ tree: at('data', 'sub'), repository: at('data') }),
};

const MOUNTED: typeof WAYS = {
  'is a folder of theirs that is mounted elsewhere': (at) => {
    bind(at('data', 'backups'), at('backups'));
    return { tree: at('data'), repository: at('backups') };
  },
  'is below one of their folders that is mounted elsewhere': (at) => {
    bind(at('data', 'sub'), at('volume'));
    return { tree: at('data'), repository: at('volume', 'backups') };
  },
  'is inside them, and they are named by another mount': (at) => {
    bind(at('data'), at('storage'));
    return { tree: at('storage'), repository: at('data', 'sub', 'backups') };
  },
  'and they are both mounted elsewhere': (at) => {
    bind(at('data'), at('storage'));
    bind(at('data', 'backups'), at('backups'));
    return { tree: at('storage'), repository: at('backups') };
  },
  'is mounted into them': (at) => {
    bind(at('backups'), at('data', 'sub', 'mounted'));
    return { tree: at('data'), repository: at('backups') };
  },
  'is in a folder that is mounted into them': (at) => {
    bind(at('volume'), at('data', 'mounted'));
    return { tree: at('data'), repository: at('volume', 'backups') };
  },
  'has a folder that is mounted as the files': (at) => {
    execFileSync('cp', ['-a', at('elsewhere'), at('repository')]);
    bind(at('repository', 'backups'), at('storage'));
    return { tree: at('storage'), repository: at('repository') };
  },
};

function refusesBoth(ways: typeof WAYS): void {
  test.each(Object.entries(ways))(
    'that %s is refused by backup and restore, and nothing is written',
    async (_, lay) => {
      const { folder, at } = await site();
      expect((await create(at('data'), at('elsewhere'))).exitCode).toBe(0);
      const { tree, repository } = lay(at);
      const before = execFileSync('find', [folder, '-printf', '%p %s\n'], { encoding: 'utf8' });

      expect(refusalOf(await create(tree, repository))).toMatchObject({
        exit: 30,
        code: 'E_REFUSED',
        message: expect.stringMatching(/inside/),
      });
      expect(execFileSync('find', [folder, '-printf', '%p %s\n'], { encoding: 'utf8' })).toBe(before);

      // A repository created before such places were refused: its backups must survive the restore.
      if (repository !== at('data')) mkdirSync(repository, { recursive: true });
      execFileSync('cp', ['-a', `${at('elsewhere')}/.`, repository]);
      const [id] = manifests(repository);
      const line = ['--from-series', `files:${at('data')}`, '--confirm', path.basename(tree), '--json'];
      const run = await restore('run', tree, repository, ...line);
      expect(refusalOf(run)).toMatchObject({ exit: 30, message: expect.stringContaining('inside') });
      expect(manifests(repository)).toContain(id);
      expect(readdirSync(tree).filter((name) => name.startsWith('.potctl-'))).toEqual([]);
    },
  );
}

describe('a repository and files where the repository', () => refusesBoth(WAYS));
describe.skipIf(!canMount)('a repository and files (needs root, to mount) where the repository', () =>
  refusesBoth(MOUNTED),
);

test('another repository inside the files is excluded from the backup, reported, and not swapped', async () => {
  const { at } = await site();
  expect((await create(at('data', 'sub'), at('other'))).exitCode).toBe(0);
  renameSync(at('other'), at('data', 'sub', 'other'));
  writeFileSync(at('data', 'potctl-repository.json'), '{"note":"a file of the application"}');

  const made = await create(at('data'), at('backups'));

  const manifest = JSON.parse(
    readFileSync(path.join(at('backups'), 'backups', manifests(at('backups'))[0]!, 'manifest.json'), 'utf8'),
  );
  expect([made.exitCode, manifest.storage.skipped, manifest.storage.files]).toEqual([
    0,
    [{ path: 'sub/other', reason: 'repository' }],
    3,
  ]);
  const run = await restore('run', at('data'), at('backups'), '--confirm', 'data', '--json');
  expect(JSON.parse(made.stdout).warnings).toEqual([expect.stringContaining('the backup repository "sub/other"')]);
  const nested = at('data', 'sub', 'other');
  expect((await create(at('data'), at('backups'))).stderr).toContain('the backup repository "sub/other" inside the');
  const planned = await restore('plan', at('data'), at('backups'));
  expect(planned.stdout.replace(/\s+/g, ' ')).toContain(`Move "${nested}" out of the tree, then repeat`);
  const within = await restore(
    'plan',
    at('data', 'sub', 'other', 'x'),
    at('backups'),
    '--from-series',
    `files:${at('data')}`,
  );
  expect(within.stdout.replace(/\s+/g, ' ')).toContain(`are inside the backup repository "${nested}"`);
  expect(refusalOf(run)).toMatchObject({ exit: 30, code: 'E_BLOCKED' });
  expect(refusalOf(run).message).toContain(`"${at('data', 'sub', 'other')}" is a backup repository`);
  expect(manifests(at('data', 'sub', 'other'))).toHaveLength(1);

  renameSync(at('data', 'sub', 'other'), at('other'));
  expect((await restore('run', at('data'), at('backups'), '--confirm', 'data')).exitCode).toBe(0);
});

test('previous files are not removed while they contain a repository', async () => {
  const { at } = await site();
  await create(at('data'), at('backups'));
  const line = ['--only', 'files', '--files', at('data'), '--repository', at('backups')];
  expect((await potctl(['restore', 'run', 'latest', ...line, '--confirm', 'data'])).exitCode).toBe(0);
  const [kept] = readdirSync(at('data')).filter((name) => name.startsWith('.potctl-before-'));
  execFileSync('cp', ['-a', at('backups'), at('data', kept!, 'sub', 'backups')]);
  const run = kept!.replace('.potctl-before-', '');

  const pruned = await potctl([
    ...['backup', 'prune', '--old-databases', '--files', at('data'), '--repository', at('backups')],
    ...['--run', run, '--confirm', 'postgres'],
  ]);

  expect(manifests(at('data', kept!, 'sub', 'backups'))).toHaveLength(1);
  expect(pruned.stdout + pruned.stderr).toContain('is a backup repository');

  execFileSync('rm', ['-r', at('data', kept!, 'sub', 'backups')]);
  const again = await potctl([
    ...['backup', 'prune', '--old-databases', '--files', at('data'), '--repository', at('backups')],
    ...['--run', run, '--confirm', 'postgres'],
  ]);
  expect([again.exitCode, readdirSync(at('data')).filter((name) => name.startsWith('.potctl-'))]).toEqual([0, []]);
});

describe.skipIf(!canMount)('a mount point inside (needs root, to mount)', () => {
  test('an unfinished backup keeps it, is reported, and blocks no other backup', async () => {
    const { at } = await site();
    await create(at('data'), at('backups'));
    const draft = at('backups', 'backups', '20260101T000000Z-abcdef.partial');
    mkdirSync(at('precious'));
    writeFileSync(at('precious', 'only copy'), 'x');
    bind(at('precious'), path.join(draft, 'mounted'));

    const { exitCode, stderr } = await potctl([
      ...['backup', 'create', '--only', 'files', '--files', at('data'), '--repository', at('backups')],
    ]);

    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(draft)]);
    expect(readdirSync(at('precious'))).toEqual(['only copy']);
    expect(manifests(at('backups')).filter((name) => !name.endsWith('.partial'))).toHaveLength(2);
  });

  test('staged files of a killed restore keep it, are reported, and block no other backup', async () => {
    const { at } = await site();
    await create(at('data'), at('backups'));
    const line = ['--only', 'files', '--files', at('data'), '--repository', at('backups')];
    expect((await potctl(['restore', 'run', 'latest', ...line, '--confirm', 'data'])).exitCode).toBe(0);
    const [record] = readdirSync(at('backups', 'restores'));
    const file = at('backups', 'restores', record!);
    const done = JSON.parse(readFileSync(file, 'utf8'));
    const killed = { ...done, run_id: 'rkilled', state: 'running', step: 'staging', finished_at: null };
    writeFileSync(at('backups', 'restores', 'rkilled.json'), JSON.stringify(killed));
    mkdirSync(at('precious'));
    writeFileSync(at('precious', 'only copy'), 'x');
    bind(at('precious'), at('data', '.potctl-restore-rkilled', 'mounted'));

    const { exitCode, stderr } = await potctl(['backup', 'create', ...line]);

    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('is a mount point')]);
    expect(readdirSync(at('precious'))).toEqual(['only copy']);
  });
});
