import path from 'node:path';
import { valuesIn } from '../storage/directory/values.js';
import { areWritable } from '../storage/directory/writable.js';
import { MARKER } from '../storage/marker.js';
import { DOCUMENT_FOLDERS } from './format.js';
import type { Lease, LockRequest, Repository } from './repository.js';

/** Where restore records are kept that cannot be written into the repository. */
export interface Apart {
  /** The folder; need not exist. */
  readonly folder: string;
  /** Opens it and creates missing parent directories. */
  readonly open: () => Promise<Repository>;
}

/**
 * Returns whether this user may write records into the repository; false also on a read-only file system, true if it does not exist yet.
 */
export function canRecord(location: string): Promise<boolean> {
  return areWritable([location, ...DOCUMENT_FOLDERS.map((name) => path.join(location, name))]);
}

/** Returns the id of a repository, which does not depend on where it is mounted; undefined if there is none. */
export async function idOfRepository(location: string): Promise<string | undefined> {
  const text = await valuesIn(location)
    .get(MARKER, { limit: 1024 * 1024 })
    .catch(() => undefined);
  const [, id] = /"id":\s*"([0-9a-f-]{36})"/.exec(text?.toString('utf8') ?? '') ?? [];
  return id;
}

/**
 * Combines a repository with records kept apart while it could not be written to. Both are read, and a record kept apart is replaced there.
 * While there are any, both places are locked, so that nobody undoes a running restore.
 *
 * @param instead write new records and the lock to the other place, because the repository cannot be written to now
 */
export function withRecordsApart(repository: Repository, apart: Apart, instead: boolean): Repository {
  const isThere = (): Promise<boolean> =>
    valuesIn(apart.folder)
      .stat(MARKER)
      .then(
        (facts) => facts !== null,
        () => false,
      );
  const fromApart = async (name: string): Promise<string | undefined> =>
    (await isThere()) ? (await apart.open()).getDocument(name) : undefined;
  return {
    ...repository,
    async lock(request) {
      if (instead) return (await apart.open()).lock(request);
      const lease = await repository.lock(request);
      return (await isThere()) ? lockBoth(lease, await apart.open(), request) : lease;
    },
    isAtWork: async (runId) =>
      (await repository.isAtWork(runId)) || ((await isThere()) && (await apart.open()).isAtWork(runId)),
    async putDocument(name, text) {
      const place = instead || (await fromApart(name)) !== undefined ? await apart.open() : repository;
      return place.putDocument(name, text);
    },
    getDocument: async (name) => (await fromApart(name)) ?? repository.getDocument(name),
    async listDocuments(folder) {
      const names = await repository.listDocuments(folder);
      if (!(await isThere())) return names;
      return [...new Set([...names, ...(await (await apart.open()).listDocuments(folder))])].sort();
    },
  };
}

async function lockBoth(lease: Lease, other: Repository, request: LockRequest): Promise<Lease> {
  try {
    const second = await other.lock(request);
    return {
      async assertHeld() {
        await lease.assertHeld();
        await second.assertHeld();
      },
      release: () => second.release().finally(lease.release),
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}
