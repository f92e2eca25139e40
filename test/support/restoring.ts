import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { prepareBackup } from '../../src/backup/create.js';
import { readToc } from '../../src/dump/toc.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { lockDatabase } from '../../src/postgres/advisory-lock.js';
import type { Server } from '../../src/postgres/server.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import type { RestoreDeps, RestoreRequest } from '../../src/restore/deps.js';
import { type PreparedRestore, prepareRestore } from '../../src/restore/plan/prepare.js';
import { type PreparedUndo, prepareUndo, type UndoRequest } from '../../src/restore/plan/prepare-undo.js';
import { type RestoreResult, runRestore } from '../../src/restore/run.js';
import { runUndo, type UndoResult } from '../../src/restore/undo.js';
import { temporaryFolder } from './tree.js';

const TRACE = `${'0'.repeat(31)}1`;

/** An empty repository in a temporary folder. */
export async function testRepository(): Promise<Repository> {
  const place = path.join(await temporaryFolder(), 'repository');
  const host = await readHostIdentity(process.pid);
  return openRepository({ name: 'test', path: place }, { clock: systemClock, host, operator: 'tester@here' });
}

/** What a restore works with, on real parts; verifying is left to its own tests. */
export function restoreDeps(
  server: Server | null,
  repository: Repository,
  change: Partial<RestoreDeps> = {},
): RestoreDeps {
  return {
    server,
    repository,
    lockDatabase: (database) => lockDatabase(server!, database, { command: 'restore' }),
    verify: async () => ({ checks: [] }),
    readToc: (folder) => readToc(server!, folder),
    clock: systemClock,
    signal: new AbortController().signal,
    progress: () => {},
    childEnvironment: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    uninterrupted: (work) => work(),
    safetyBackup: () => Promise.reject(new Error('no safety backup was asked for')),
    ...change,
  };
}

/** A restore of the newest backup over the database of the server's settings. */
export function restoreRequest(database: string | null, change: Partial<RestoreRequest> = {}): RestoreRequest {
  return {
    runId: `r${randomBytes(4).toString('hex')}`,
    traceId: TRACE,
    operator: 'tester@here',
    hostname: 'here',
    profile: { name: null, environment: null, onCommandLine: false },
    database,
    expectedSystemIdentifier: null,
    stopWriters: null,
    startWriters: null,
    keepOldMs: 3_600_000,
    waitMs: 0,
    accept: [],
    reference: 'latest',
    fromSet: null,
    only: null,
    mode: 'swap',
    into: null,
    intoFiles: null,
    files: null,
    jobs: 2,
    createRoles: false,
    continuePastErrors: false,
    safetyBackup: false,
    ...change,
  };
}

/** Backs up the database of the server's settings, and the tree; the backup's id. */
export async function backUp(
  server: Server,
  repository: Repository,
  tree: string | null = null,
  change: Partial<RestoreDeps> = {},
): Promise<string> {
  const { signal, clock, progress, childEnvironment } = restoreDeps(server, repository, change);
  const prepared = await prepareBackup(
    {
      ...{ signal, clock, progress, childEnvironment, repository },
      server: async () => server,
      recover: async () => {},
      verify: async () => Promise.reject(new Error('not asked for')),
    },
    {
      ...{ runId: 'backup', traceId: TRACE, profile: null, expectedSystemIdentifier: null, database: true },
      files: tree === null ? null : { path: tree, excludes: [] },
      ...{
        references: null,
        jobs: 2,
        rows: 'exact',
        lockWaitMs: 10_000,
        waitMs: 0,
        verify: 'none',
        kind: 'logical',
        note: null,
      },
      ...{ labels: {}, hostname: 'here' },
      tool: { name: 'potctl', version: '0.0.0', node: '20', platform: 'test' },
    },
  );
  return (await prepared.apply()).id!;
}

/** Plans and runs. */
export async function restore(deps: RestoreDeps, request: RestoreRequest): Promise<RestoreResult> {
  return runRestore(deps, request, await prepareRestore(deps, request));
}

/** Only plans. */
export async function plan(deps: RestoreDeps, request: RestoreRequest): Promise<PreparedRestore['plan']> {
  return (await prepareRestore(deps, request)).plan;
}

/** Plans an undo of the newest run, and only that. */
export async function preparedUndo(deps: RestoreDeps, database: string): Promise<PreparedUndo> {
  return prepareUndo(deps, { ...restoreRequest(database), run: null, filesPath: null });
}

/** Plans and takes back: `run` null = the newest. */
export async function undo(deps: RestoreDeps, database: string | null, run: string | null = null): Promise<UndoResult> {
  const request: UndoRequest = { ...restoreRequest(database), run, filesPath: null };
  return runUndo(deps, request, await prepareUndo(deps, request));
}
