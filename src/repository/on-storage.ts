import type { Clock } from '../kernel/clock.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { type HostIdentity, isGone } from '../kernel/host-identity.js';
import type { Storage } from '../storage/storage.js';
import { getDocument, listDocuments, putDocument, sweepDocuments } from './documents.js';
import { createDraft } from './draft.js';
import { appendEvent, eventKeysOf, readEvents, removeEventsApart, repairEvents, tidyEvents } from './events.js';
import { initialize, isReady, LAYOUT, LOCK } from './format.js';
import { acquireLease, isAtWork, type LeaseDeps, type LeaseTimes } from './lease.js';
import { type LockHolder, parseHolder } from './lock.js';
import { markReader, readMarks, refuseRead, sweepMarks } from './readers.js';
import { type RemovalDeps, removeBackup } from './removal.js';
import type { EventLog, Hold, Lease, LockRequest, Repository } from './repository.js';
import { layReserve, withReserve } from './reserve.js';

/** Path segments without a leading dot: no `..`, nothing absolute. */
const FILE = /^[^/.\\\p{Cc}][^/\\\p{Cc}]*(?:\/[^/.\\\p{Cc}][^/\\\p{Cc}]*)*$/u;
const TEXT_LIMIT = 64 * 1024 * 1024;

export interface RepositoryOptions {
  readonly clock: Clock;
  /** The identity of this process; see readHostIdentity. */
  readonly host: HostIdentity;
  /** The operator, `user@host`: named in the lock. */
  readonly operator: string;
  readonly times: LeaseTimes;
  /** Called when the lock of a dead run was removed; null if its owner is unknown. */
  readonly onTakeover?: (holder: LockHolder | null) => void;
  /** Called when another run holds the lock and waiting starts. */
  readonly onWait?: (holder: LockHolder | null) => void;
  /** Called with the path of remains of a removed or unfinished backup that still cannot be removed. */
  readonly onStuck?: (place: string) => void;
  /** Called when the damaged history of a backup was repaired from a copy, with the damage. */
  readonly onMended?: (id: string, damage: string) => void;
}

/**
 * Opens a repository in a storage with its {@link LAYOUT}. Nothing is written before the first changing call; `exists` tells whether there
 * is one.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED
 */
export async function openOnStorage(name: string, storage: Storage, options: RepositoryOptions): Promise<Repository> {
  const gate = await gateTo(storage, options.clock);
  const deps = { storage, name, ...options };
  return {
    name,
    url: storage.url,
    exists: gate.exists,
    freeBytes: () => guarded('ask for the free space', storage.freeBytes),
    ...readers(storage, gate),
    ...writers(deps, gate),
    ...readersAtWork(deps, gate),
  };
}

/** Reading requires a repository, writing creates one. */
interface Gate {
  exists(): Promise<boolean>;
  reading<T>(action: string, read: () => Promise<T>): Promise<T>;
  writing<T>(action: string, write: () => Promise<T>): Promise<T>;
}

async function gateTo(storage: Storage, clock: Clock): Promise<Gate> {
  let ready = await isReady(storage);
  const exists = async (): Promise<boolean> => {
    ready ||= await isReady(storage);
    return ready;
  };
  return {
    exists,
    async reading(action, read) {
      if (!(await exists())) throw (await holdsOthers(storage)) ? notOurs(storage.url) : absent(storage.url);
      return guarded(action, read);
    },
    async writing(action, write) {
      if (!(await exists())) await initialize(storage, clock.now());
      ready = true;
      return guarded(action, write);
    },
  };
}

type Readers = Pick<
  Repository,
  'list' | 'readText' | 'artifacts' | 'events' | 'appendEvent' | 'getDocument' | 'listDocuments'
>;

function readers(storage: Storage, { reading }: Gate): Readers {
  return {
    list: () => reading('list the backups', storage.groups.names),
    readText: (id, file) => reading(`read '${file}' of '${id}'`, () => readText(storage, id, file)),
    artifacts: (id) => reading(`open the backup '${id}'`, () => artifacts(storage, id)),
    events: (id) => reading(`read the events of '${id}'`, () => eventsOf(storage, id)),
    appendEvent: (id, event) =>
      reading(`record an event of '${id}'`, async () => {
        await requireBackup(storage, id);
        await appendEvent(eventKeysOf(storage, id), event);
      }),
    getDocument: (document) => reading(`read '${document}'`, () => getDocument(storage, document)),
    listDocuments: (folder) => reading(`list '${folder}'`, () => listDocuments(storage, folder)),
  };
}

function readersAtWork(deps: LeaseDeps, { reading }: Gate): Pick<Repository, 'hold' | 'held' | 'isAtWork'> {
  return {
    hold: (id, command) => reading(`open the backup '${id}'`, () => holdBackup(deps, checkedId(id), command)),
    isAtWork: (runId) => reading('check who holds the lock', () => isAtWork(deps, runId)),
    held: () => reading('check which backups are being read', () => readMarks(deps)),
  };
}

/** Writes the mark first: a later removal sees it, and an earlier one is noticed here. */
async function holdBackup(deps: LeaseDeps, id: string, command: string): Promise<Hold> {
  const mark = await markReader(deps, id, command);
  try {
    await requireBackup(deps.storage, id);
    return mark ?? { release: async () => {} };
  } catch (error) {
    await mark?.release();
    throw error;
  }
}

type WriterDeps = LeaseDeps & Pick<RepositoryOptions, 'onStuck' | 'onMended'>;

function writers(
  deps: WriterDeps,
  { reading, writing }: Gate,
): Pick<Repository, 'draft' | 'lock' | 'remove' | 'putDocument'> {
  const { storage } = deps;
  let held: Lease | null = null;
  const assertHeld = async (): Promise<void> => held?.assertHeld();
  const removal: RemovalDeps = {
    ...{ storage, clock: deps.clock, operator: deps.operator, assertHeld },
    refuseRead: (id) => refuseRead(deps, id),
  };
  return {
    remove: (id, reason, seenEvents = null) =>
      reading(`remove the backup '${id}'`, async () => {
        await requireBackup(storage, id);
        await removeBackup(removal, { id, reason, seenEvents });
      }),
    draft: (id) => writing(`start the backup '${id}'`, () => createDraft({ storage, assertHeld }, checkedId(id))),
    lock: (request) =>
      writing('lock the repository', async () => {
        held = await lockAndSweep(deps, request);
        return held;
      }),
    putDocument: (document, text) => writing(`write '${document}'`, () => putDocument(storage, document, text)),
  };
}

async function lockAndSweep(deps: WriterDeps, request: LockRequest): Promise<Lease> {
  const { storage } = deps;
  const lease = await withReserve(storage, () => acquireLease(deps, request));
  try {
    await sweep(deps, lease.stampedMs);
    return { ...lease, release: () => layReserve(storage).then(lease.release) };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Removes what dead runs left. @param takenMs when the lock was taken, by the clock of the storage */
async function sweep(deps: WriterDeps, takenMs: number): Promise<void> {
  const { storage, host } = deps;
  const stuck = await storage.groups.sweep((id) => removeEventsApart(eventKeysOf(storage, id)));
  for (const place of stuck) deps.onStuck?.(place);
  await sweepMarks(deps);
  const isDead = async (text: string): Promise<boolean> => {
    const holder = parseHolder(text);
    return holder !== null && (await isGone(holder.host, host));
  };
  await storage.claims.sweep(LOCK, isDead, takenMs);
  await sweepDocuments(storage, takenMs);
  await repairHistories(deps, takenMs);
}

async function readText(storage: Storage, id: string, file: string): Promise<string> {
  if (!FILE.test(file)) throw new Error(`'${file}' is not the name of an artifact`);
  const bytes = await storage.get(`${LAYOUT.folder}/${checkedId(id)}/${file}`, { limit: TEXT_LIMIT });
  if (bytes !== undefined) return bytes.toString('utf8');
  // Only check whether the backup exists if it has no such file.
  await requireBackup(storage, id);
  throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' has no '${file}'`);
}

/** Reads the events. Only checks whether the backup exists if it has none. */
async function eventsOf(storage: Storage, id: string): Promise<EventLog> {
  const log = await readEvents(eventKeysOf(storage, checkedId(id)));
  if (log.events.length === 0) await requireBackup(storage, id);
  return log;
}

/**
 * Repairs histories, and removes what killed writers left of them. A history that cannot be repaired must not make another backup fail: `backup list` and `backup verify` keep reporting
 * it.
 */
async function repairHistories({ storage, onMended }: WriterDeps, nowMs: number): Promise<void> {
  for (const id of await storage.groups.names()) {
    const keys = eventKeysOf(storage, id);
    await tidyEvents(keys, nowMs).catch(() => {});
    const repaired = await repairEvents(keys).catch(() => null);
    if (repaired !== null) onMended?.(id, repaired);
  }
}

/** Returns the folder of a backup after checking it for links: the caller opens files in it by name, and a link could lead anywhere. */
async function artifacts(storage: Storage, id: string): Promise<string> {
  await requireBackup(storage, id);
  const { folder, odd } = await storage.groups.localFolder(id);
  if (odd === null) return folder;
  throw new PotctlError('E_BACKUP_CORRUPT', `'${odd}' of the backup '${id}' is not a regular file`, {
    why: 'a repository never contains symbolic links or special files',
  });
}

async function requireBackup(storage: Storage, id: string): Promise<void> {
  const state = await storage.groups.stateOf(checkedId(id));
  if (state === 'complete') return;
  if (state === 'absent') throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' does not exist`);
  const why = 'something else has its name';
  throw new PotctlError('E_BACKUP_CORRUPT', `the backup '${id}' is not a folder`, { why });
}

function checkedId(id: string): string {
  if (!LAYOUT.name.test(id)) throw new PotctlError('E_BACKUP_NOT_FOUND', `'${id}' is not the id of a backup`);
  return id;
}

async function guarded<T>(action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromErrno(error, action);
  }
}

/** Whether something else is already in the place. */
async function holdsOthers(storage: Storage): Promise<boolean> {
  return (await storage.isThere()) && (await storage.list('')).some((name) => name !== 'lost+found');
}

function notOurs(location: string): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `'${location}' exists, but is not a potctl repository`, {
    why: 'it contains other files, but no potctl backups',
    fix: ['Check the path: it may be that of the files that are backed up.'],
  });
}

function absent(location: string): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `there is no repository at '${location}'`, {
    why: 'the directory is missing, or potctl has not written to it yet',
    fix: ['Check the path, and that the disk is mounted.'],
  });
}
