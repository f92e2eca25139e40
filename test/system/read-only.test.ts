import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { refusalOf } from '../support/bad-input.js';
import { connect, freshDatabase, inMaintenance } from '../support/database.js';
import { potctl } from '../support/run-cli.js';
import { describeTree, makeTree, temporaryFolder } from '../support/tree.js';

const canMount =
  process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** Two backups in a repository that nobody may write to any more, not even root. */
async function site() {
  const { name, query } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const folder = await temporaryFolder();
  const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'storage'));
  const repository = path.join(folder, 'backups');
  const run = (...args: string[]) => potctl([...args, '--repository', repository], { env: { PGDATABASE: name } });
  for (const _ of 'ab') expect((await run('backup', 'create', '--files', tree)).exitCode).toBe(0);
  await query('delete from t');
  execFileSync('mount', ['--bind', repository, repository]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', repository]));
  execFileSync('mount', ['-o', 'remount,ro,bind', repository]);
  return { name, tree, repository, run };
}

async function databases(prefix: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1)';
  const found = await inMaintenance((client) => client.query<{ datname: string }>(sql, [prefix]));
  return found.rows.map(({ datname }) => datname);
}

describe.skipIf(!canMount)('a repository on a disk that became read-only (needs root, to mount one)', () => {
  test('refuses every change with 12 before anything is touched, and names the folder', async () => {
    const { name, tree, repository, run } = await site();
    const before = [await describeTree(repository), await describeTree(tree)];
    const changing = [
      ['backup', 'create', '--files', tree],
      ['backup', 'prune', '--keep-last', '1', '--yes'],
      ['backup', 'pin', 'latest', '--reason', 'audit'],
      ['restore', 'run', 'latest', '--files', tree, '--confirm', name],
    ];

    for (const line of changing) {
      const refusal = refusalOf(await run(...line, '--json'));
      expect([line, refusal]).toMatchObject([line, { exit: 12, code: 'E_FILES_DENIED' }]);
      expect(JSON.stringify(refusal)).toContain('EROFS');
    }

    expect([await describeTree(repository), await describeTree(tree)]).toEqual(before);
    expect(await databases(name)).toEqual([name]);
  });

  test('is still read: list, show, verify and the plan of a restore', async () => {
    const { name, tree, run } = await site();

    const reading = [
      ['backup', 'list'],
      ['backup', 'show', 'latest'],
      ['backup', 'verify', 'latest', '--level', 'full'],
      ['restore', 'list'],
      ['restore', 'plan', 'latest', '--files', tree],
    ];

    for (const line of reading) {
      const { exitCode, stderr } = await run(...line);
      expect([line, exitCode, stderr]).toEqual([line, 0, stderr]);
    }
    const client = await connect(name);
    expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 0 }]);
    await client.end();
  });
});
