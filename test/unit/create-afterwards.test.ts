import { expect, test } from 'vitest';
import { type CreateDeps, type CreateRequest, createBackup } from '../../src/backup/create.js';
import { restoreDeps, testRepository } from '../support/restoring.js';
import { makeTree } from '../support/tree.js';

test('a check afterwards that could not be made is not called good, and nothing is pruned on its word', async () => {
  const files = { path: await makeTree({ a: 'x' }), excludes: [] };
  const check = { part: 'database', check: 'pg_restore --list', state: 'unknown', detail: 'out of memory' } as const;
  const verify: CreateDeps['verify'] = async (id, level) => {
    return { id, level, ok: false, checks: [check], read_bytes: 0, duration_s: 0 };
  };
  const { signal, clock, progress, childEnvironment, repository } = restoreDeps(null, await testRepository());
  const server = async () => Promise.reject(new Error('not asked for'));
  const deps: CreateDeps = {
    ...{ signal, clock, progress, childEnvironment, repository, verify, server },
    recover: async () => {},
  };
  const request: CreateRequest = {
    ...{ runId: 'backup', traceId: '1', profile: null, expectedSystemIdentifier: null, database: false, files },
    ...{
      references: null,
      jobs: 1,
      rows: 'exact',
      lockWaitMs: 10_000,
      waitMs: 0,
      verify: 'quick',
      kind: 'logical',
      note: null,
    },
    ...{ labels: {}, hostname: 'here', dryRun: false },
    tool: { name: 'potctl', version: '0.0.0', node: '20', platform: 'test' },
  };

  expect(await createBackup(deps, request)).toMatchObject({ status: 'complete', verified: false });
  const rules = { last: 1, withinMs: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
  const pruning = { ...request, prune: { rules, zone: 'UTC', maxRemove: 5 } };
  const restoring = async () => new Map<string, string>();
  expect((await createBackup({ ...deps, restoring }, pruning)).pruned).toMatchObject({ state: 'skipped', removed: [] });
  expect((await repository.list()).length).toBe(2);
});
