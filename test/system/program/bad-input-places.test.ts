import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { refusalOf } from '../../support/bad-input.js';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { describeTree, makeTree, temporaryFolder } from '../../support/tree.js';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
const SCHEMA = 'create table t as select generate_series(1, 10) i';

let database: TestDatabase;
let folder: string;
let files: string;
beforeEach(async () => {
  database = await freshDatabase({ schema: SCHEMA });
  folder = await temporaryFolder();
  await chmod(folder, 0o755);
  files = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'files'));
});

const place = (name: string): string => path.join(folder, name);
const run = (...args: string[]): Promise<Ran> => potctl([...args, '--json'], { env: { PGDATABASE: database.name } });
const create = (repository: string, tree = files): Promise<Ran> =>
  run('backup', 'create', '--repository', repository, '--files', tree);
const resultOf = ({ stdout }: Ran) => JSON.parse(stdout).result;

/** A small disk that is removed after the test. */
function mountSmall(at: string, bytes: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', at]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', at]));
}

describe('a repository', () => {
  const marker = (version: string) => `{"format":"potctl.repository","format_version":"${version}","id":"x"}`;

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['that is a file', () => writeFile(place('r'), 'mine'), /not a directory/],
    ['of restic', () => makeTree({ config: 'x', keys: {}, data: {} }, place('r')), /restic/],
    ['of Borg', () => makeTree({ config: 'x', README: 'x', data: {} }, place('r')), /Borg/],
    [
      'that is a server’s data directory',
      () => makeTree({ PG_VERSION: '15', base: {} }, place('r')),
      /PostgreSQL server/,
    ],
    ['of a newer potctl', () => makeTree({ 'potctl-repository.json': marker('2.0') }, place('r')), /newer|2\.0/],
    ['with a damaged marker', () => makeTree({ 'potctl-repository.json': '{' }, place('r')), /damaged/],
    ['that is a loop of links', () => symlink('r', place('r')), /loop/],
  ])('%s is refused with exit 15, and is unchanged', async (_, make, says) => {
    await make();
    const before = await describeTree(folder);

    const refusal = refusalOf(await create(place('r')));

    expect(refusal).toMatchObject({ exit: 15, code: 'E_REPOSITORY_FORMAT' });
    expect(`${refusal.message} ${JSON.stringify(refusal.why)}`).toMatch(says);
    expect(await describeTree(folder)).toEqual(before);
  });

  test('with other files in it is used, and they are unchanged', async () => {
    await makeTree({ 'notes.txt': 'mine', sub: { x: 'y' } }, place('r'));
    expect((await create(place('r'))).exitCode).toBe(0);
    expect(await readFile(place('r/notes.txt'), 'utf8')).toBe('mine');
    expect(await readFile(place('r/sub/x'), 'utf8')).toBe('y');
  });

  test.skipIf(!isRoot)(
    'on a full disk is refused with exit 17 and both sizes (needs root, to mount a small one)',
    async () => {
      await mkdir(place('disk'));
      mountSmall(place('disk'), '1m');

      const refusal = refusalOf(await create(place('disk/r')));

      expect(refusal).toMatchObject({ exit: 17, code: 'E_NO_SPACE' });
      expect(refusal.why).toMatchObject({ needed_bytes: expect.any(Number), free_bytes: expect.any(Number) });
      expect(await readdir(place('disk'))).toEqual([]);
    },
  );

  test.skipIf(!isRoot)(
    'that is not writable is refused with exit 12 (needs root, to become another user)',
    async () => {
      await mkdir(place('r'));
      const refusal = refusalOf(
        await asNobody('backup', 'create', '--only', 'files', '--files', files, '--repository', place('r')),
      );
      expect(refusal).toMatchObject({ exit: 12, code: 'E_FILES_DENIED' });
      expect(await readdir(place('r'))).toEqual([]);
    },
  );

  test.skipIf(!isRoot)('with unreadable backups is reported as denied, not damaged (needs root)', async () => {
    expect((await create(place('r'))).exitCode).toBe(0);
    const backups = place('r/backups');
    const [id] = await readdir(backups);
    for (const name of [place('r'), backups, path.join(backups, id!)]) await chmod(name, 0o755);
    await chmod(path.join(backups, id!, 'manifest.json'), 0o600);
    for (const reference of ['latest', id!]) {
      const refusal = refusalOf(await asNobody('backup', 'verify', reference, '--repository', place('r')));
      expect(refusal).toMatchObject({ exit: 12, code: 'E_FILES_DENIED' });
    }
  });
});

/** As an ordinary user who cannot reach the server's socket: for files only. */
async function asNobody(...args: string[]): Promise<Ran> {
  return potctl([...args, '--json'], { env: { PGDATABASE: database.name }, user: NOBODY });
}

describe('files', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['that are missing', async () => {}, /does not exist/],
    ['that are one file', () => writeFile(place('tree'), 'x'), /not a directory/],
    ['that are a loop of links', () => symlink('tree', place('tree')), /loop/],
    ['that are a link to nothing', () => symlink('nowhere', place('tree')), /does not exist/],
  ])('%s are refused with exit 17, and no repository is created', async (_, make, says) => {
    await make();
    const refusal = refusalOf(await create(place('r'), place('tree')));
    expect(refusal).toMatchObject({ exit: 17, code: 'E_FILES_MISSING', why: expect.stringMatching(says) });
    expect(await readdir(folder)).not.toContain('r');
  });

  test('that are empty never make a good backup: degraded, exit 3', async () => {
    await mkdir(place('tree'));
    const ran = await create(place('r'), place('tree'));
    expect(ran.exitCode).toBe(3);
    expect(resultOf(ran)).toMatchObject({ status: 'degraded', degraded_reasons: [expect.stringContaining('empty')] });
  });

  test('with a loop of symbolic links are stored as links that nothing follows', async () => {
    await makeTree({ self: { link: 'self' }, up: { link: '..' }, 'b.txt': 'beta' }, place('tree'));
    const ran = await create(place('r'), place('tree'));
    expect(ran.exitCode).toBe(0);
    expect(resultOf(ran)).toMatchObject({ status: 'complete', files: 1 });
  });

  test.skipIf(!isRoot)('with unreadable parts are listed, and the backup is degraded (needs root)', async () => {
    await makeTree({ secret: { s: 's' }, 'p.txt': { content: 'p', mode: 0o600 }, open: 'o' }, place('tree'));
    await chmod(place('tree/secret'), 0o700);
    await mkdir(place('mine'));
    await chown(place('mine'), NOBODY, NOBODY);

    const ran = await asNobody(
      'backup',
      'create',
      '--only',
      'files',
      '--files',
      place('tree'),
      '--repository',
      place('mine/r'),
    );

    expect(ran.exitCode).toBe(3);
    expect(resultOf(ran).degraded_reasons).toEqual([
      'at least 2 files changed, vanished or could not be read, including 1 directory with unknown contents',
    ]);
    const shown = await run('backup', 'show', resultOf(ran).id, '--repository', place('mine/r'), '--manifest');
    expect(shown.stdout).toMatch(/"p\.txt"[^}]*unreadable/);
    expect(shown.stdout).toMatch(/"secret"[^}]*unreadable/);
  });

  test.skipIf(!isRoot)('with a mount point below are backed up, but not swapped (needs root)', async () => {
    await makeTree({ 'a.txt': 'alpha', disk: {} }, place('tree'));
    mountSmall(place('tree/disk'), '1m');
    await writeFile(place('tree/disk/in'), 'inside');
    expect((await create(place('r'), place('tree'))).exitCode).toBe(0);
    const before = await describeTree(place('tree'));

    const where = ['--repository', place('r'), '--files', place('tree'), '--confirm', database.name];
    const refusal = refusalOf(await run('restore', 'run', ...where));

    expect(refusal).toMatchObject({ exit: 30, code: 'E_BLOCKED', message: expect.stringContaining('mount point') });
    expect(await describeTree(place('tree'))).toEqual(before);
    expect((await stat(place('tree/disk'))).dev).not.toBe((await stat(place('tree'))).dev);
  });
});
