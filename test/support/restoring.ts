import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { readToc } from '../../src/backup/database/toc.js';
import { systemClock } from '../../src/clock.js';
import { lockDatabase } from '../../src/postgres/advisory-lock.js';
import type { Server } from '../../src/postgres/server.js';
import { readHostIdentity } from '../../src/repository/host-identity.js';
import { openRepository } from '../../src/repository/open.js';
import type { Repository } from '../../src/repository/repository.js';
import type { RestoreDeps, RestoreRequest } from '../../src/restore/deps.js';
import { temporaryFolder } from './tree.js';

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
    ...change,
  };
}

/** A restore of the newest backup over the database of the server's settings. */
export function restoreRequest(database: string | null, change: Partial<RestoreRequest> = {}): RestoreRequest {
  return {
    runId: `r${randomBytes(4).toString('hex')}`,
    traceId: '0'.repeat(31) + '1',
    operator: 'tester@here',
    hostname: 'here',
    profile: { name: null, environment: null, onCommandLine: false },
    database,
    expectedSystemIdentifier: null,
    stopWriters: null,
    startWriters: null,
    keepOldMs: 3_600_000,
    waitMs: 0,
    dryRun: false,
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
    ...change,
  };
}
