import path from 'node:path';
import type { HostOptions } from '../../src/host/host.js';
import type { Repository } from '../../src/repository/repository.js';
import type { FilesOptions, FilesRestored } from '../../src/restore/files/request.js';
import { testPotctl } from './host.js';
import { backUp, testRepository, withTree } from './restoring.js';
import { temporaryFolder } from './tree.js';

/** A repository with one backup of a tree, and a place for pieces of it. */
export interface FilesSite {
  readonly tree: string;
  readonly repository: Repository;
  readonly id: string;
  /** Not there yet. */
  readonly to: string;
  restore(
    globs: readonly string[],
    options?: Partial<FilesOptions>,
    host?: Partial<HostOptions>,
  ): Promise<FilesRestored>;
  /** Only says what it would do. */
  plan(globs: readonly string[], options?: Partial<FilesOptions>): Promise<FilesRestored>;
}

/** Where the parts of a site lie, when not in temporary folders. */
interface FilesPlaces {
  readonly repository: Repository;
  readonly to: string;
}

/** Backs up a tree alone: no server takes part. */
export async function filesSite(tree: string, places: Partial<FilesPlaces> = {}): Promise<FilesSite> {
  const repository = places.repository ?? (await testRepository());
  const parts = { server: null, repository, ...withTree(tree) };
  const id = await backUp(parts, { only: 'files', jobs: 1 });
  const to = places.to ?? path.join(await temporaryFolder(), 'found');
  const prepare = async (globs: readonly string[], options: Partial<FilesOptions> = {}, host = {}) =>
    (await testPotctl({ ...parts, host }).restore()).files({ id: 'latest', path: globs, to, ...options });
  return {
    ...{ tree, repository, id, to },
    restore: async (...asked) => (await prepare(...asked)).apply(),
    plan: async (...asked) => (await prepare(...asked)).dryRun(),
  };
}
