import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect, freshDatabase } from '../../support/database.js';
import { cleanEnvironment, POTCTL, potctl, type Ran } from '../../support/run-cli.js';
import { casesOfThisRun } from '../../support/sweep.js';
import { makeTree, temporaryFolder } from '../../support/tree.js';

const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const canUnshare = spawnSync(UNSHARE[0]!, [...UNSHARE.slice(1), 'true']).status === 0;

/** A backup, a tree, and the command lines that change something. */
async function site() {
  const { name } = await freshDatabase({ schema: 'create table t as select generate_series(1, 10) i' });
  const folder = await temporaryFolder();
  const tree = await makeTree({ 'a.txt': 'alpha' }, path.join(folder, 'storage'));
  const repository = path.join(folder, 'backups');
  const where = ['--files', tree, '--repository', repository];
  const lines = {
    create: ['backup', 'create', ...where],
    restore: ['restore', 'run', 'latest', ...where, '--confirm', name],
    undo: ['restore', 'undo', ...where, '--confirm', name],
    prune: ['backup', 'prune', '--keep-last', '1', '--yes', '--repository', repository],
  };
  const env = { PGDATABASE: name };
  const run = (line: keyof typeof lines): Promise<Ran> => potctl(lines[line], { env });
  for (const line of ['create', 'create', 'restore'] as const) expect((await run(line)).exitCode).toBe(0);
  return { name, lines, env, run, lock: path.join(repository, 'potctl.lock') };
}

const CHANGING = casesOfThisRun(['prune', 'create', 'restore', 'undo'] as const, (line) => line === 'restore');

/** A create that holds the lock: it waits for a table that this test has locked. */
async function holder({ name, lines, env, lock }: Awaited<ReturnType<typeof site>>, wrap: readonly string[] = []) {
  const client = await connect(name);
  onTestFinished(() => client.end());
  await client.query('begin; lock table t');
  const [program = '', ...args] = [...wrap, process.execPath, POTCTL, ...lines.create];
  const child = spawn(program, args, { env: cleanEnvironment(env), stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  for (let tries = 0; !existsSync(lock) && tries < 400; tries += 1) await sleep(50);
  expect(existsSync(lock)).toBe(true);
  return { child, release: () => client.query('rollback') };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('the lock of', () => {
  test('a process killed on this host blocks nobody, and its stale lock is reported', async () => {
    const at = await site();
    const { child, release } = await holder(at);
    await killed(child);
    const left = readFileSync(at.lock, 'utf8');
    await release();

    for (const line of CHANGING) {
      await writeFile(at.lock, left);
      const { exitCode, stderr } = await at.run(line);
      expect([line, exitCode, stderr]).toMatchObject([line, 0, expect.stringContaining('stale lock of a run')]);
      expect(existsSync(at.lock)).toBe(false);
    }
  });

  test.skipIf(!canUnshare)('a live process in another pid namespace is respected (needs root)', async () => {
    const at = await site();
    const { child, release } = await holder(at, UNSHARE);
    for (const line of CHANGING) {
      const { exitCode, stderr } = await at.run(line);
      expect([line, exitCode, stderr]).toMatchObject([line, 11, expect.stringContaining('backup create')]);
    }
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await release();
    expect(await ended).toBe(0);
  });

  test('another host with a recent heartbeat is respected and named', async () => {
    const at = await site();
    const { child, release } = await holder(at);
    await killed(child);
    const [first = '', ...rest] = readFileSync(at.lock, 'utf8').split('\n');
    const lock = JSON.parse(first) as { host: object };
    const elsewhere = JSON.stringify({ ...lock, host: { ...lock.host, hostname: 'backup7' } });
    await release();

    for (const line of CHANGING) {
      await writeFile(at.lock, [elsewhere, ...rest].join('\n'));
      const { exitCode, stderr } = await at.run(line);
      expect([line, exitCode, stderr]).toMatchObject([line, 11, expect.stringContaining('backup7')]);
    }
    await rm(at.lock);
    expect((await at.run('create')).exitCode).toBe(0);
  });
});
