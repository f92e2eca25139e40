import { expect, test } from 'vitest';
import { prepareBackup } from '../../src/backup/create.js';
import type { CreateDeps, CreateRequest } from '../../src/backup/create-request.js';
import { systemClock } from '../../src/kernel/clock.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { adviceText } from '../support/advice.js';
import { testRepository } from '../support/restoring.js';
import { makeTree } from '../support/tree.js';

/** Looks and takes it. */
const createBackup = async (deps: CreateDeps, request: CreateRequest) => (await prepareBackup(deps, request)).apply();

/** A backup of one file, whose check afterwards is `verify`. */
async function createWith(verify: CreateDeps['verify']) {
  const files = { path: await makeTree({ a: 'x' }), excludes: [] };
  const repository = await testRepository();
  const warnings: string[] = [];
  const deps: CreateDeps = {
    ...{ signal: new AbortController().signal, clock: systemClock, repository, verify },
    childEnvironment: { PATH: process.env['PATH'] ?? '' },
    progress: (event) => event.kind === 'warning' && warnings.push(adviceText(event.text)),
    server: async () => Promise.reject(new Error('not asked for')),
    recover: async () => {},
  };
  const request: CreateRequest = {
    ...{ runId: 'backup', traceId: '1', profile: null, expectedSystemIdentifier: null, database: false, files },
    ...{ references: null, jobs: 1, rows: 'exact', lockWaitMs: 10_000, waitMs: 0, verify: 'quick' },
    ...{ kind: 'logical', note: null, labels: {}, hostname: 'here' },
    tool: { name: 'potctl', version: '0.0.0', node: '20', platform: 'test' },
  };
  return { deps, request, repository, warnings };
}

test('a verification that could not run does not count as good, and nothing is pruned', async () => {
  const check = { part: 'database', name: 'pg_restore --list', state: 'unknown', detail: 'out of memory' } as const;
  const { deps, request, repository } = await createWith(async (id, level) => {
    return { id, level, ok: false, checks: [check], read_bytes: 0, duration_s: 0 };
  });

  expect(await createBackup(deps, request)).toMatchObject({ status: 'complete', verified: false });
  const rules = { last: 1, withinMs: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
  const pruning = { ...request, prune: { rules, zone: 'UTC', maxRemove: 5 } };
  const restoring = async () => new Map<string, string>();
  const asked = { ...deps, restoring, clockOffMs: async () => null };
  expect((await createBackup(asked, pruning)).pruned).toMatchObject({ state: 'skipped', removed: [] });
  expect((await repository.list()).length).toBe(2);
});

test('a prune after a backup compares the clock of the server before it removes by age', async () => {
  const { deps, request, repository } = await createWith(async (id, level) => {
    return { id, level, ok: true, checks: [], read_bytes: 0, duration_s: 0 };
  });
  const rules = { last: 0, withinMs: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
  const pruning = { ...request, prune: { rules, zone: 'UTC', maxRemove: 5 } };
  const asked = { ...deps, restoring: async () => new Map<string, string>(), clockOffMs: async () => 7_200_000 };
  const pruned = [];
  for (const _ of 'abc') pruned.push((await createBackup(asked, pruning)).pruned);

  expect(pruned.at(-1)).toMatchObject({ state: 'failed', removed: [], problem: { code: 'E_UNFIT' } });
  expect(await repository.list()).toHaveLength(3);
});

test('a disk failure during the verification leaves a backup reported as not verified, not an error', async () => {
  const { deps, request, repository, warnings } = await createWith(async () => {
    throw new PotctlError('E_IO', 'cannot read it', { why: 'EIO: i/o error' });
  });

  expect(await createBackup(deps, request)).toMatchObject({ status: 'complete', verified: false });

  expect(warnings).toEqual(['the backup was not verified: cannot read it: EIO: i/o error']);
  expect(await repository.list()).toHaveLength(1);
});

test('an error during the verification says that the backup is listed', async () => {
  const { deps, request, repository } = await createWith(async () => {
    throw new PotctlError('E_MANIFEST', 'the manifest is damaged');
  });

  const failed = createBackup(deps, request);

  const changedDetail = expect.stringContaining('is listed');
  await expect(failed).rejects.toMatchObject({ code: 'E_MANIFEST', changed: 'partial', changedDetail });
  expect(await repository.list()).toHaveLength(1);
});
