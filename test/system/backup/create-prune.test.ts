import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Repository } from '../../../src/repository/repository.js';
import { openedAt, publishOld } from '../../support/old-backups.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

let top: string;
let folder: string;
let tree: string;
let repository: Repository;
beforeEach(async () => {
  top = await temporaryFolder();
  folder = path.join(top, 'r');
  tree = await makeTree({ 'a.txt': 'alpha' }, path.join(top, 'storage'));
  repository = await openedAt(folder);
});

const env = { PGHOST: '/nonexistent', PGDATABASE: undefined };
const create = (...flags: string[]): Promise<Ran> =>
  potctl(['backup', 'create', '--only', 'files', '--files', tree, '--repository', folder, '--json', ...flags], { env });
const old = (...ages: number[]): Promise<string[]> =>
  publishOld(repository, ages, { set: `files:${tree}`, profile: null });
const left = async (): Promise<string[]> => (await readdir(path.join(folder, 'backups'))).sort();
const resultOf = ({ stdout }: Ran) => JSON.parse(stdout).result;

test('a good backup prunes older backups of its own series only', async () => {
  const ids = await old(1, 2, 3);
  const [other] = await publishOld(repository, [9]);
  const made = await create('--prune', '--keep-last', '2');
  expect(made.exitCode).toBe(0);
  const { id, pruned } = resultOf(made);
  expect(pruned).toMatchObject({ state: 'done', removed: [ids[1], ids[2]], problem: null });
  expect(await left()).toEqual([other, ids[0], id].sort());
});

test('--retention-days means --prune --keep-within, as in the old scripts', async () => {
  const ids = await old(1, 20, 30, 40);
  const { id, pruned } = resultOf(await create('--retention-days', '7'));
  expect(pruned.removed).toEqual([ids[2], ids[3]]);
  expect(await left()).toEqual([id, ids[0], ids[1]].sort());
});

test('without flags, the retention policy of the profile applies', async () => {
  const file = path.join(top, 'config.yaml');
  await writeFile(
    file,
    `profiles:\n  prod:\n    files: { path: ${tree} }\n    retention: { last: 2, yearly: 0, timezone: Europe/Lisbon }\n`,
  );
  const ids = await publishOld(repository, [1, 2]);
  const flags = ['-p', 'prod', '--config', file];
  expect(resultOf(await create(...flags)).pruned).toBeNull();
  expect(resultOf(await create(...flags, '--prune')).pruned).toMatchObject({ state: 'done', removed: [ids[1]] });
  const guarded = path.join(top, 'guarded.yaml');
  await writeFile(guarded, 'profiles:\n  prod:\n    guards: { protected: [prune] }\n    retention: { last: 1 }\n');
  expect((await create('-p', 'prod', '--config', guarded, '--prune')).exitCode).toBe(15);
  // The newest that has the database stays beside the two.
  expect((await left()).length).toBe(3);
});

test('a prune that requires confirmation leaves the backup good: exit 3, with the command that confirms', async () => {
  const ids = await old(1, 2, 3, 4, 5, 6, 7, 8);
  const made = await create('--prune', '--keep-last', '2');
  expect(made.exitCode).toBe(3);
  const { id, status, verified, pruned } = resultOf(made);
  expect({ status, verified }).toEqual({ status: 'complete', verified: true });
  expect(pruned).toMatchObject({ state: 'failed', removed: [], problem: { code: 'E_CONFIRM_REQUIRED' } });
  expect(pruned.problem.fix.join()).toContain('potctl backup prune');
  expect(await left()).toEqual([id, ...ids].sort());

  const told = await potctl(
    ['backup', 'create', '--only', 'files', '--files', tree, '--repository', folder, '--prune', '--keep-last', '2'],
    { env },
  );
  expect(told.exitCode).toBe(3);
  expect(told.stderr).toContain('The backup is good, but old backups could not be pruned');
});

test('if the clock went backwards, nothing is pruned and the backup stays good', async () => {
  const ids = await old(-1, 2);
  const made = await create('--prune', '--keep-last', '1');
  expect({ exit: made.exitCode, code: resultOf(made).pruned.problem.code }).toEqual({ exit: 3, code: 'E_UNFIT' });
  expect(await left()).toEqual([resultOf(made).id, ...ids].sort());
});

test.each([
  ['keep flags without --prune', ['--keep-last', '2']],
  ['--prune without any policy', ['--prune']],
  ['--prune with --verify none', ['--prune', '--keep-last', '2', '--verify', 'none']],
  ['0', ['--prune', '--keep-last', '0']],
  ['0 days', ['--retention-days', '0']],
  ['a negative number', ['--prune', '--keep-weekly', '-4']],
  ['two windows', ['--prune', '--keep-within', '7d', '--retention-days', '7']],
])('%s is refused before anything is backed up', async (_, flags) => {
  const ids = await old(1, 2);
  const refused = await create(...flags);
  expect({ exit: refused.exitCode, stdout: refused.stdout }).toEqual({ exit: 2, stdout: '' });
  expect(await left()).toEqual([...ids].sort());
});
