import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { applicationWithOldBackups } from '../../support/application-with-old-backups.js';
import { refusalOf } from '../../support/bad-input.js';
import { connect, freshDatabase, inMaintenance } from '../../support/database.js';
import { startPotctl } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { describeTree, folderForAll, makeTree, temporaryFolder } from '../../support/tree.js';

const canMount =
  process.geteuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** Two backups in a read-only repository, into which not even root can write. */
async function site() {
  const { name, query } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const folder = await temporaryFolder();
  const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'storage'));
  const repository = path.join(folder, 'backups');
  const run = (...args: string[]) => potctl([...args, '--repository', repository], { env: { PGDATABASE: name } });
  for (const _ of 'ab') expect((await run('backup', 'create', '--files', tree)).exitCode).toBe(0);
  await query('delete from t');
  mountReadOnly(repository);
  return { name, tree, repository, run, query };
}

/** Makes it read-only until the test ends. */
function mountReadOnly(folder: string): void {
  execFileSync('mount', ['--bind', folder, folder]);
  onTestFinished(() => void spawnSync('umount', ['--lazy', folder], { stdio: 'ignore' }));
  execFileSync('mount', ['-o', 'remount,ro,bind', folder]);
}

/** Counts the rows over a separate connection: a swap terminates the others. */
async function rowsIn(name: string): Promise<unknown[]> {
  const client = await connect(name);
  const { rows } = await client.query('select count(*)::int as n from t');
  await client.end();
  return rows;
}

async function databases(prefix: string): Promise<string[]> {
  const sql = 'select datname from pg_database where starts_with(datname, $1)';
  const found = await inMaintenance((client) => client.query<{ datname: string }>(sql, [prefix]));
  return found.rows.map(({ datname }) => datname);
}

describe.skipIf(!canMount)('a repository on a read-only disk (needs root, to mount one)', () => {
  test('refuses every change with exit 12 before anything is touched, and names the folder', async () => {
    const { name, tree, repository, run } = await site();
    const before = [await describeTree(repository), await describeTree(tree)];
    const changing = [
      ['backup', 'create', '--files', tree],
      ['backup', 'prune', '--keep-last', '1', '--yes'],
      ['backup', 'pin', 'latest', '--reason', 'audit'],
    ];

    for (const line of changing) {
      const refusal = refusalOf(await run(...line, '--json'));
      expect([line, refusal]).toMatchObject([line, { exit: 12, code: 'E_FILES_DENIED' }]);
      expect(JSON.stringify(refusal)).toContain('EROFS');
    }

    expect([await describeTree(repository), await describeTree(tree)]).toEqual(before);
    expect(await databases(name)).toEqual([name]);
  });

  test('can be restored from: the plan shows where its record goes, and list, undo and a second undo find it there', async () => {
    const { name, tree, repository, run } = await site();
    const before = await describeTree(repository);
    const restore = ['latest', '--files', tree];

    const plan = await run('restore', 'plan', ...restore, '--json');
    const done = await run('restore', 'run', ...restore, '--confirm', name, '--json');

    expect([done.exitCode, done.stderr]).toEqual([0, done.stderr]);
    const { run_id: runId, records_in: recordsIn } = JSON.parse(done.stdout).result;
    expect(JSON.parse(plan.stdout).item.warnings).toContainEqual(expect.stringContaining(recordsIn));
    expect(readdirSync(path.join(recordsIn, 'restores'))).toEqual([`${runId}.json`]);
    expect(await rowsIn(name)).toEqual([{ n: 10 }]);

    const listed = JSON.parse((await run('restore', 'list', '--json')).stdout).items;
    expect(listed).toMatchObject([{ run_id: runId, state: 'done', undo: 'possible' }]);
    const undone = await run('restore', 'undo', runId, '--files', tree, '--confirm', name);
    expect([undone.exitCode, undone.stderr]).toEqual([0, undone.stderr]);
    expect(await rowsIn(name)).toEqual([{ n: 0 }]);
    const again = await run('restore', 'undo', undone.stdout.trim(), '--files', tree, '--confirm', name);
    expect([again.exitCode, again.stderr]).toEqual([0, again.stderr]);
    expect(await rowsIn(name)).toEqual([{ n: 10 }]);
    expect(await describeTree(repository)).toEqual(before);
  });

  test('stores no record of a restore from a folder of old backups: plan, run and undo show where it goes', async () => {
    const { name, run, backUp, repository, where } = await applicationWithOldBackups();
    const { folder } = await backUp();
    expect((await run('backup', 'create', ...where)).exitCode).toBe(0);
    mountReadOnly(repository);
    const from = [...where, '--backup-dir', folder];
    const warned = (recordsIn: string) => expect.arrayContaining([expect.stringContaining(recordsIn)]);

    const plan = await run('restore', 'plan', 'latest', ...from, '--json');
    const done = await run('restore', 'run', 'latest', ...from, '--confirm', name, '--json');
    expect([done.exitCode, done.stderr]).toEqual([0, done.stderr]);
    const { run_id: runId, records_in: recordsIn } = JSON.parse(done.stdout).result;
    expect(readdirSync(path.join(recordsIn, 'restores'))).toEqual([`${runId}.json`]);
    expect(JSON.parse(plan.stdout).item.warnings).toEqual(warned(recordsIn));

    const undo = await run('restore', 'undo', runId, ...from, '--confirm', name);
    expect([undo.exitCode, undo.stderr]).toEqual([0, expect.stringContaining(recordsIn)]);
  });

  test.each(['/proc/nope', '/dev/null/state'])(
    'is not restored from if the record can be stored nowhere (%s): plan and run say so and how to choose another location',
    async (place) => {
      const { name, repository } = await site();
      const before = await databases(name);
      const env = { PGDATABASE: name, XDG_STATE_HOME: place };
      for (const line of [
        ['restore', 'plan', 'latest'],
        ['restore', 'run', 'latest', '--confirm', name],
      ]) {
        const refusal = refusalOf(
          await potctl([...line, '--only', 'db', '--json', '--repository', repository], { env }),
        );
        expect(refusal).toMatchObject({ exit: 12, code: 'E_FILES_DENIED', changed: 'nothing' });
        expect(JSON.stringify(refusal)).toContain('XDG_STATE_HOME=DIR');
      }
      expect(await databases(name)).toEqual(before);
    },
  );

  test('can restore single files and single tables', async () => {
    const { name, tree, run, query } = await site();
    const files = await run('restore', 'files', 'latest', '--path', 'a.txt', '--to', path.join(tree, 'found'));
    const tables = await run(
      'restore',
      'run',
      'latest',
      '--tables',
      't',
      '--into-schema',
      'found',
      '--confirm',
      'found',
    );

    expect([files.exitCode, tables.exitCode, files.stderr + tables.stderr]).toEqual([
      0,
      0,
      files.stderr + tables.stderr,
    ]);
    expect(await query('select count(*)::int as n from found.t')).toEqual([{ n: 10 }]);
    expect(await databases(name)).toEqual([name]);
  });

  test('a killed restore from it is rolled back by the next one, even after the repository became writable again', async () => {
    const { name, tree, repository, run, query } = await site();
    const line = ['restore', 'run', 'latest', '--files', tree, '--confirm', name];
    const killed = startPotctl([...line, '--repository', repository], { env: { PGDATABASE: name } });
    await killed.printed('pg_restore');
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect((await databases(`${name}_restore_`)).length).toBe(1);

    execFileSync('umount', ['--lazy', repository]);
    const made = await run('backup', 'create', '--files', tree);

    expect([made.exitCode, made.stderr]).toEqual([0, expect.stringContaining('was killed')]);
    expect(await databases(name)).toEqual([name]);
    expect(await query('select count(*)::int as n from t')).toEqual([{ n: 0 }]);
  });

  test('can still be read: list, show, verify and the plan of a restore', async () => {
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

const NOBODY = 65_534;

test.skipIf(process.geteuid?.() !== 0)(
  'a readable repository without write permission can be restored from (needs root, to create one)',
  async () => {
    const folder = await folderForAll();
    const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'data', 'storage'));
    const repository = path.join(folder, 'backups');
    const state = path.join(folder, 'state');
    mkdirSync(state);
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path.join(folder, 'data'), state]);
    const target = ['--files', tree, '--repository', repository];
    expect((await potctl(['backup', 'create', '--only', 'files', ...target])).exitCode).toBe(0);
    execFileSync('chmod', ['-R', 'a+rX', repository]);
    writeFileSync(path.join(tree, 'a.txt'), 'changed');
    const run = (...line: string[]) =>
      potctl([...line, ...target], { user: NOBODY, env: { XDG_STATE_HOME: state, HOME: folder } });

    const done = await run('restore', 'run', 'latest', '--only', 'files', '--confirm', 'storage');
    expect([done.exitCode, done.stderr]).toEqual([0, expect.stringContaining(state)]);
    expect(readFileSync(path.join(tree, 'a.txt'), 'utf8')).toBe('alpha');
    const [record] = readdirSync(path.join(state, 'potctl', 'records'));
    expect(readdirSync(path.join(state, 'potctl', 'records', record!, 'restores'))).toEqual([
      `${done.stdout.trim()}.json`,
    ]);
  },
);

describe('a program that the restore needs and that is not installed', () => {
  /** A folder with every program of this machine except one. */
  async function pathWithout(program: string): Promise<string> {
    const bin = path.join(await temporaryFolder(), 'bin');
    mkdirSync(bin);
    // The first folder of the PATH wins, so it comes last.
    for (const folder of (process.env['PATH'] ?? '').split(':').reverse())
      spawnSync('sh', ['-c', 'cp -sf "$0"/* "$1"/', folder, bin], { stdio: 'ignore' });
    spawnSync('rm', ['-f', path.join(bin, program)]);
    chmodSync(bin, 0o755);
    return bin;
  }

  // Node with built-in zstd does not need the program. Without the program, archives are gzip.
  const hasZstd = spawnSync('zstd', ['--version'], { stdio: 'ignore' }).status === 0;
  const needsZstd = hasZstd && !('createZstdDecompress' in zlib);

  test.each([...(needsZstd ? [['zstd', 'apt install zstd']] : []), ['tar', 'apt install tar']])(
    '%s is reported by the plan, before the database is touched',
    async (program, fix) => {
      const { name } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
      const folder = await temporaryFolder();
      const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'storage'));
      const target = ['--files', tree, '--repository', path.join(folder, 'backups')];
      const env = { PGDATABASE: name };
      expect((await potctl(['backup', 'create', ...target], { env })).exitCode).toBe(0);
      const without = { ...env, PATH: await pathWithout(program!), POTCTL_PG_BINDIR: inject('postgres').binaries };

      const plan = await potctl(['restore', 'plan', 'latest', ...target, '--json'], { env: without });
      const run = await potctl(['restore', 'run', 'latest', ...target, '--confirm', name, '--json'], { env: without });
      const files = await potctl(
        ['restore', 'files', 'latest', ...target, '--path', 'a.txt', '--to', path.join(folder, 'found'), '--json'],
        { env: without },
      );

      expect(JSON.parse(plan.stdout).item.blocking).toMatchObject([{ code: 'E_TOOL_MISSING', fix: [fix] }]);
      for (const ran of [run, files]) expect(refusalOf(ran)).toMatchObject({ exit: 17, code: 'E_TOOL_MISSING' });
      expect(await databases(name)).toEqual([name]);
      expect(readdirSync(folder).sort()).toEqual(['backups', 'storage']);
    },
  );
});
