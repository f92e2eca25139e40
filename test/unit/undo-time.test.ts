import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { PotctlError } from '../../src/kernel/errors.js';
import type { Repository } from '../../src/repository/repository.js';
import type { RestoreDeps } from '../../src/restore/deps.js';
import { type OldRequest, planOld } from '../../src/restore/previous/plan.js';
import { removeOld } from '../../src/restore/previous/remove.js';
import { closeForward } from '../../src/runs/finish.js';
import { readRuns, writeRun } from '../../src/runs/record.js';
import { foldersOf } from '../../src/runs/tree/names.js';
import { testRepository } from '../support/restoring.js';
import { makeTree } from '../support/tree.js';
import { finishedRun } from './run-samples.js';

const UNTIL = '2026-11-22T10:52:00.000Z';
const clockAt = (time: string | number) => ({ ...systemClock, now: () => new Date(time) });

/** A tree in which two runs have kept what they replaced. */
async function site() {
  const kept = (run: string) => ({ [foldersOf(run).before]: { 'old.txt': 'old' } });
  const root = await makeTree({ 'a.txt': 'new', ...kept('r1'), ...kept('r2') });
  const repository = await testRepository();
  await repository.putDocument('restores/other.json', '{}');
  for (const run of ['r1', 'r2']) {
    await writeRun(repository, finishedRun({ run_id: run, files: { root, existed: true, staged_at: null } }));
  }
  const request: OldRequest = {
    ...{ runId: 'r3', database: null, filesPath: root, everywhere: false, runs: [], hostname: 'here', waitMs: 0 },
    profile: { name: null, environment: 'development', onCommandLine: false },
  } as OldRequest;
  return { root, repository, request };
}

const depsOf = (repository: Repository, now: string | number): RestoreDeps =>
  ({
    ...{ server: null, repository, clock: clockAt(now), signal: new AbortController().signal },
    ...{ progress: () => {}, childEnvironment: { PATH: process.env['PATH'] ?? '' } },
  }) as unknown as RestoreDeps;

const keptIn = (root: string): string[] =>
  readdirSync(root)
    .filter((name) => name.includes('before'))
    .sort();

test('a run can be undone for exactly as long as was promised when it began, counted from its end', async () => {
  const repository = await testRepository();
  const { keep_old_ms } = finishedRun();
  for (const [kind, mode] of [
    ['restore', 'swap'],
    ['undo', 'swap'],
    ['restore', 'new'],
  ] as const) {
    const record = finishedRun({ kind, mode, state: 'running', finished_at: null, undo_until: null });
    const closed = await closeForward({ repository, clock: clockAt('2026-11-22T12:00:00.123Z') }, record, null);
    expect(closed.finished_at).toBe('2026-11-22T12:00:00.123Z');
    expect(closed.undo_until).toBe(mode === 'new' ? null : '2026-11-22T13:00:00.123Z');
    expect(keep_old_ms).toBe(3_600_000);
    expect(await readRuns(repository)).toMatchObject([{ undo_until: closed.undo_until }]);
  }
});

test('what a run has kept stays to the last millisecond of that time, and may go from the next on', async () => {
  const { repository, request } = await site();
  const end = Date.parse(UNTIL);
  const runsThatGo = async (now: number) =>
    (await planOld(depsOf(repository, now), request)).remove.map(({ run }) => run);
  expect([await runsThatGo(end - 1), await runsThatGo(end)]).toEqual([[], ['r1', 'r2']]);
  // A clock that is behind the end of the run tells nothing.
  expect(await runsThatGo(Date.parse('2026-11-22T09:51:59.999Z'))).toEqual([]);
});

test('who lost the lock of the repository removes no previous database or tree any more', async () => {
  for (const looks of [0, 1]) {
    const { root, repository, request } = await site();
    let seen = 0;
    const lease = {
      async assertHeld() {
        seen += 1;
        if (seen > looks) throw new PotctlError('E_LOCKED', 'lost');
      },
      release: async () => {},
    };
    const deps = depsOf({ ...repository, lock: async () => lease }, UNTIL);
    const plan = await planOld(deps, request);
    expect(plan.remove).toHaveLength(2);
    await expect(removeOld(deps, request, plan)).rejects.toMatchObject({ code: 'E_LOCKED' });
    expect(keptIn(root)).toEqual(['r1', 'r2'].slice(looks).map((run) => path.basename(foldersOf(run).before)));
  }
});
