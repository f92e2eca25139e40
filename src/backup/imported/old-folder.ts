import { createHash } from 'node:crypto';
import path from 'node:path';
import { canonicalJson } from '../../catalog/parse-manifest.js';
import { PotctlError } from '../../kernel/errors.js';
import { makeFolders } from '../../kernel/make-folders.js';
import { advice, potctl } from '../../kernel/next.js';
import { appendEvent, type EventKeys, readEvents } from '../../repository/events.js';
import type { Repository } from '../../repository/repository.js';
import { valuesIn } from '../../storage/directory/values.js';
import { composeImported, type Reader, unreadParts } from './compose.js';
import type { DescribeDeps } from './describe.js';
import { type FoundSet, findSets, type OldSet } from './find-sets.js';
import { openSideCar, type SideCar } from './side-car.js';

/** What reading a folder of old backups in place depends on. */
export interface OldFolderDeps extends DescribeDeps {
  /** The repository for locks and restore records, opened on first use. */
  readonly records: () => Promise<Repository>;
  /** The directory for the cache: absolute, used only by this user. */
  readonly notes: string;
  readonly reader: Reader;
}

/**
 * Opens a folder of the old scripts as a read-only repository. Its backups are listed by their manifests, and read completely before they
 * are verified or restored. Nothing is ever written to the folder.
 *
 * @param folder absolute, free of symbolic links
 * @throws E_FILES_MISSING, E_FILES_DENIED; E_BACKUP_NOT_FOUND if it contains no backup
 */
export async function openOldFolder(folder: string, deps: OldFolderDeps): Promise<Repository> {
  const found = await findSets(folder);
  if (found.length === 0) throw noSets(folder);
  const sideCar = openSideCar(deps.notes, deps, deps.reader);
  const setOf = (id: string): OldSet => openedSet(found, id);
  return {
    name: path.basename(folder),
    url: folder,
    exists: async () => true,
    list: async () => [...new Set(found.flatMap((one) => idOf(one) ?? []))].sort(),
    readText: async (id, file) => {
      const text = await manifestText(setOf(id), sideCar, deps.reader);
      if (file === 'manifest.json') return text;
      if (file === 'manifest.json.sha256') return `${sha256(text)}  manifest.json\n`;
      throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' has no '${file}'`);
    },
    complete: async (id) => void (await sideCar.complete(setOf(id))),
    artifacts: (id) => sideCar.complete(setOf(id)),
    ...eventsIn(deps.notes),
    hold: async () => ({ release: async () => {} }),
    held: async () => new Map(),
    draft: () => Promise.reject(readOnly(folder)),
    remove: () => Promise.reject(readOnly(folder)),
    ...recordsOf(deps.records),
  };
}

const idOf = (one: FoundSet): string | null => (one.ok ? one.set.manifest.id : one.id);

function openedSet(found: readonly FoundSet[], id: string): OldSet {
  const one = found.find((candidate) => idOf(candidate) === id);
  if (one === undefined) throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' does not exist`);
  if (one.ok) return one.set;
  throw one.error;
}

async function manifestText(set: OldSet, sideCar: SideCar, reader: Reader): Promise<string> {
  const kept = await sideCar.manifestOf(set);
  if (kept !== null) return kept;
  const { id, takenAt, name } = set.manifest;
  const files = [set.dump, set.archive].flatMap((file) => (file === null ? [] : [path.basename(file)]));
  return canonicalJson(
    composeImported(
      unreadParts(set),
      set,
      { id, takenAt, name, files, folder: path.dirname(set.manifestFile) },
      reader,
    ),
  );
}

function eventsIn(notes: string): Pick<Repository, 'events' | 'appendEvent'> {
  const storage = valuesIn(notes);
  const keysOf = (id: string): EventKeys => ({ storage, id, main: `${id}.events.ndjson`, ownedLike: '' });
  return {
    events: (id) => readEvents(keysOf(id)),
    async appendEvent(id, event) {
      await makeFolders(notes);
      await appendEvent(keysOf(id), event);
    },
  };
}

type Records = Pick<Repository, 'lock' | 'isAtWork' | 'freeBytes' | 'putDocument' | 'getDocument' | 'listDocuments'>;

function recordsOf(records: OldFolderDeps['records']): Records {
  const ifThere = async <T>(read: (repository: Repository) => Promise<T>, otherwise: T): Promise<T> => {
    const repository = await records();
    return (await repository.exists()) ? read(repository) : otherwise;
  };
  return {
    lock: async (request) => (await records()).lock(request),
    isAtWork: (runId) => ifThere((repository) => repository.isAtWork(runId), false),
    freeBytes: async () => (await records()).freeBytes(),
    putDocument: async (name, text) => (await records()).putDocument(name, text),
    getDocument: (name) => ifThere((repository) => repository.getDocument(name), undefined),
    listDocuments: (folder) => ifThere((repository) => repository.listDocuments(folder), []),
  };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function readOnly(folder: string): PotctlError {
  return new PotctlError('E_REFUSED', `'${folder}' contains backups of the old scripts, which potctl only reads`, {
    fix: [advice`Import its backups: ${potctl('backup', 'import', folder)}`],
  });
}

function noSets(folder: string): PotctlError {
  return new PotctlError('E_BACKUP_NOT_FOUND', `no backup of the old scripts found in '${folder}'`, {
    why: 'it contains no backup_manifest_….json',
    fix: ['Check the path.', advice`Import a dump without a manifest first: ${potctl('backup', 'import', 'FILE')}`],
  });
}
