import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { runHook } from '../../src/runs/hooks.js';
import { type RunRecord, readRuns, writeRun } from '../../src/runs/record.js';
import { type RecoverDeps, recoverRuns } from '../../src/runs/recover.js';
import { finishTree } from '../../src/runs/settle-tree.js';
import { realDisk, type TreeDisk } from '../../src/runs/tree/disk.js';
import { observeTree, prepareStaging, recoverTree, swapTree } from '../../src/runs/tree/tree.js';
import { adviceText } from '../support/advice.js';
import { testRepository } from '../support/restoring.js';
import { makeTree, temporaryFolder } from '../support/tree.js';
import { crashingDisk } from './crashing-disk.js';

const HERE = 'here';

/** The record of a killed run that moves only files. */
function killed(root: string, change: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ schema: 'potctl.restore', schema_version: '1.0', run_id: 'r1', trace_id: '0', operator: 'tester@here' },
    ...{ hostname: HERE, kind: 'restore', mode: 'swap', set: 'profile:prod', backup: '20261122T095106Z-7f3a9c' },
    ...{ undoes: null, undone_by: null, state: 'running', step: 'swapping', started_at: '2026-11-22T09:51:06.000Z' },
    ...{ finished_at: null, keep_old_ms: 1, undo_until: null, database: null, created_roles: [], restored: null },
    files: { root, existed: true, staged_at: null },
    ...{ writers_stopped: false, phases: [], downtime_ms: null, source_bytes: 0, written: null, error: null },
    ...change,
  };
}

/** A repository with that run, and its recovery with the warnings. */
async function recovering(record: RunRecord, change: Partial<RecoverDeps> = {}) {
  const repository = await testRepository();
  await (await repository.lock({ ...LOCK, signal: new AbortController().signal })).release();
  await writeRun(repository, record);
  const warnings: string[] = [];
  const progress: RecoverDeps['progress'] = (event) =>
    void (event.kind === 'warning' && warnings.push(adviceText(event.text)));
  const deps: RecoverDeps = {
    ...{
      server: null,
      repository,
      clock: systemClock,
      progress,
      childEnvironment: { PATH: process.env['PATH'] ?? '' },
    },
    ...{ startWriters: null, set: 'profile:prod', hostname: HERE, tree: null, database: null },
    ...change,
  };
  return { repository, warnings, recover: () => recoverRuns(deps) };
}
const LOCK = { command: 'test', runId: 'r0', waitMs: 0 };

/** Dies after that many changes; attributes are real, so that the real disk can continue. */
function dyingAfter(changes: number): TreeDisk {
  const { readAttributes, applyAttributes } = realDisk();
  return { ...crashingDisk(changes).disk, readAttributes, applyAttributes };
}

/** A tree in which a swap of the run died halfway. */
async function halfSwapped(): Promise<string> {
  const root = await makeTree({ 'a.txt': 'old', 'b.txt': 'old' });
  await makeTree({ 'a.txt': 'new' }, await prepareStaging({ root, run: 'r1' }));
  await swapTree({ root, run: 'r1', disk: dyingAfter(6) }).catch(() => {});
  expect((await observeTree({ root })).unfinished).toMatchObject({ run: 'r1', phase: 'out' });
  return root;
}

test('a half-swapped tree on another host is left alone with a warning, and the run stays open', async () => {
  const { repository, warnings, recover } = await recovering(killed('/nowhere/storage', { hostname: 'elsewhere' }));

  expect(await recover()).toEqual([]);

  expect(await readRuns(repository)).toMatchObject([{ state: 'running' }]);
  expect(warnings).toEqual([expect.stringContaining('elsewhere')]);
});

test('a machine with a new name finishes what is on its own disk', async () => {
  const root = await halfSwapped();
  const { repository, recover } = await recovering(killed(root, { hostname: 'container-1' }));

  await recover();

  expect(await readRuns(repository)).toMatchObject([{ state: 'done' }]);
  expect(fs.readFileSync(path.join(root, 'a.txt'), 'utf8')).toBe('new');
});

test('a record that names a directory other than its own removes nothing, and leads to a warning', async () => {
  const victim = await makeTree({ precious: 'x' });
  const files = { root: '/nowhere/new', existed: false, staged_at: victim };
  const { warnings, recover } = await recovering(killed('', { files, step: 'staging' }));

  await recover();

  expect(fs.existsSync(path.join(victim, 'precious'))).toBe(true);
  expect(warnings).toEqual([expect.stringContaining('restores/r1.json')]);
});

test('an unreadable record leads to a warning that its run was not cleaned up', async () => {
  const { repository, warnings, recover } = await recovering(killed('/nowhere/storage', { step: 'staging' }));
  await repository.putDocument('restores/r1.json', '{"schema": "potctl.res');

  expect(await recover()).toEqual([]);

  expect(warnings).toEqual([expect.stringContaining('restores/r1.json')]);
});

test('the start hook of one profile does not run for the writers of another', async () => {
  const mark = path.join(await temporaryFolder(), 'started');
  const stopped = killed('/nowhere/storage', { step: 'staging', writers_stopped: true });
  const { repository, warnings, recover } = await recovering(stopped, {
    set: 'profile:staging',
    startWriters: `touch ${mark}`,
  });

  await recover();

  expect(fs.existsSync(mark)).toBe(false);
  expect(warnings[0]).toContain('writers of profile:prod');
  expect(await readRuns(repository)).toMatchObject([{ state: 'interrupted', writers_stopped: true }]);
});

test('a half-swapped tree unknown to this repository is refused', async () => {
  const root = await halfSwapped();
  const { recover } = await recovering(killed('/nowhere/storage', { run_id: 'r2', step: 'staging' }), { tree: root });

  await expect(recover()).rejects.toMatchObject({ code: 'E_REFUSED', why: { run: 'r1' } });
});

test('a swap that was almost rolled back starts over if its database has been swapped', async () => {
  const root = await halfSwapped();
  for (let point = 0; (await observeTree({ root })).unfinished?.phase !== 'back-closing'; point += 1) {
    await recoverTree({ root, decision: 'undo', disk: dyingAfter(point) }).catch(() => {});
  }
  expect(fs.readFileSync(path.join(root, 'a.txt'), 'utf8')).toBe('old');

  await finishTree(killed(root), killed(root).files!);

  expect(fs.readFileSync(path.join(root, 'a.txt'), 'utf8')).toBe('new');
  expect(fs.readFileSync(path.join(root, '.potctl-before-r1', 'b.txt'), 'utf8')).toBe('old');
});

test('a hook runs even if nothing can be written', async () => {
  const mark = path.join(await temporaryFolder(), 'started');
  const environment = { PATH: process.env['PATH'] ?? '', TMPDIR: '/nowhere' };

  await runHook('start_writers', `echo words; touch ${mark}`, { environment });
  const failed = runHook('start_writers', 'exit 3', { environment });

  expect(fs.existsSync(mark)).toBe(true);
  await expect(failed).rejects.toMatchObject({ code: 'E_TOOL_FAILED' });
});
