import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { prepareBackup } from '../../src/backup/create.js';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { silent } from '../../src/kernel/progress.js';
import type { Repository } from '../../src/repository/repository.js';
import type { FilesDeps, FilesRequest, FilesRestored } from '../../src/restore/files/request.js';
import { prepareFiles } from '../../src/restore/files/restore-files.js';
import { restoreDeps, testRepository } from './restoring.js';
import { temporaryFolder } from './tree.js';

/** A repository with one backup of a tree, and a place for pieces of it. */
export interface FilesSite {
  readonly tree: string;
  readonly repository: Repository;
  readonly id: string;
  /** Not there yet. */
  readonly to: string;
  restore(globs: readonly string[], change?: Partial<FilesRequest>, deps?: Partial<FilesDeps>): Promise<FilesRestored>;
  /** Only says what it would do. */
  plan(globs: readonly string[], change?: Partial<FilesRequest>): Promise<FilesRestored>;
}

/** Where the parts of a site lie, when not in temporary folders. */
interface FilesPlaces {
  readonly repository: Repository;
  readonly to: string;
}

/** Backs up a tree alone: no server takes part. */
export async function filesSite(tree: string, places: Partial<FilesPlaces> = {}): Promise<FilesSite> {
  const repository = places.repository ?? (await testRepository());
  const id = await backUpFiles(repository, tree);
  const to = places.to ?? path.join(await temporaryFolder(), 'found');
  const deps = await filesDeps(repository);
  const prepare = (globs: readonly string[], change: Partial<FilesRequest> = {}, more: Partial<FilesDeps> = {}) =>
    prepareFiles({ ...deps, ...more }, { ...filesRequest(to, globs), ...change });
  return {
    ...{ tree, repository, id, to },
    restore: async (...asked) => (await prepare(...asked)).apply(),
    plan: async (...asked) => (await prepare(...asked)).dryRun(),
  };
}

/** What the restore of files works with, on real parts. */
export async function filesDeps(repository: Repository): Promise<FilesDeps> {
  const { childEnvironment } = restoreDeps(null, repository);
  const signal = new AbortController().signal;
  const owner = await readHostIdentity(process.pid);
  return { repository, clock: systemClock, signal, progress: silent, childEnvironment, owner };
}

/** The newest backup's files by these globs. */
export function filesRequest(to: string, globs: readonly string[]): FilesRequest {
  return {
    runId: `r${randomBytes(4).toString('hex')}`,
    reference: 'latest',
    fromSet: null,
    at: { profile: null, database: null, filesPath: null },
    globs,
    to,
    overwrite: 'never',
  };
}

async function backUpFiles(repository: Repository, tree: string): Promise<string> {
  const { signal, clock, progress, childEnvironment } = restoreDeps(null, repository);
  const prepared = await prepareBackup(
    {
      ...{ signal, clock, progress, childEnvironment, repository },
      server: async () => Promise.reject(new Error('no server was asked for')),
      recover: async () => {},
      verify: async () => Promise.reject(new Error('not asked for')),
    },
    {
      ...{ runId: 'backup', traceId: `${'0'.repeat(31)}1`, profile: null, expectedSystemIdentifier: null },
      ...{ database: false, files: { path: tree, excludes: [] }, references: null, jobs: 1, rows: 'exact' },
      ...{ lockWaitMs: 10_000, waitMs: 0, verify: 'none', kind: 'logical', note: null, labels: {} },
      ...{ hostname: 'here' },
      tool: { name: 'potctl', version: '0.0.0', node: '20', platform: 'test' },
    },
  );
  return (await prepared.apply()).id!;
}
