import type { Clock } from '../kernel/clock.js';
import { fromErrno, PotctlError } from '../kernel/errors.js';
import { type HostIdentity, isGone } from '../kernel/host-identity.js';
import { advice, potctl } from '../kernel/next.js';
import type { Storage } from '../storage/storage.js';
import { getDocument, listDocuments, putDocument, sweepDocuments } from './documents.js';
import { createDraft } from './draft.js';
import { appendEvent, eventKeysOf, mendEvents, readEvents, removeEventsApart } from './events.js';
import { initialise, isReady, LAYOUT, LOCK } from './format.js';
import { acquireLease, isAtWork, type LeaseDeps, type LeaseTimes } from './lease.js';
import { type LockHolder, parseHolder } from './lock.js';
import { markReader, readMarks, refuseRead, sweepMarks } from './readers.js';
import { type RemovalDeps, removeBackup } from './removal.js';
import type { EventLog, Hold, Lease, LockRequest, Repository } from './repository.js';
import { layReserve, withReserve } from './reserve.js';

/** Segments without a leading dot: no `..`, nothing absolute. */
const FILE = /^[^/.\\\p{Cc}][^/\\\p{Cc}]*(?:\/[^/.\\\p{Cc}][^/\\\p{Cc}]*)*$/u;
const TEXT_LIMIT = 64 * 1024 * 1024;

export interface RepositoryOptions {
  readonly clock: Clock;
  /** This process; see readHostIdentity. */
  readonly host: HostIdentity;
  /** Who works, `user@host`: named in the lock. */
  readonly operator: string;
  readonly times: LeaseTimes;
  /** A dead run's lock was removed; null when nobody could tell whose it was. */
  readonly onTakeover?: (holder: LockHolder | null) => void;
  /** Another run holds the lock, and we begin to wait for it. */
  readonly onWait?: (holder: LockHolder | null) => void;
  /** What is left of a removed or an unfinished backup cannot be removed now either; where it is. */
  readonly onStuck?: (place: string) => void;
  /** The damaged history of a backup was made whole from its copy; what was wrong with it. */
  readonly onMended?: (id: string, damage: string) => void;
}

/**
 * A repository in a storage opened with its {@link LAYOUT}. Nothing is written before the first changing call; `exists` tells whether there
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

/** Reading needs a repository, writing makes one. */
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
      if (!(await exists())) throw absent(storage.url);
      return guarded(action, read);
    },
    async writing(action, write) {
      if (!(await exists())) await initialise(storage, clock.now());
      ready = true;
      return guarded(action, write);
    },
  };
}

type Readers = Pick<
  Repository,
  'list' | 'readText' | 'artefacts' | 'events' | 'appendEvent' | 'getDocument' | 'listDocuments'
>;

function readers(storage: Storage, { reading }: Gate): Readers {
  return {
    list: () => reading('list the backups', storage.groups.names),
    readText: (id, file) => reading(`read '${file}' of '${id}'`, () => readText(storage, id, file)),
    artefacts: (id) => reading(`open the backup '${id}'`, () => artefacts(storage, id)),
    events: (id) => reading(`read the events of '${id}'`, () => eventsOf(storage, id)),
    appendEvent: (id, event) =>
      reading(`note an event of '${id}'`, async () => {
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
    isAtWork: (runId) => reading('look who holds the lock', () => isAtWork(deps, runId)),
    held: () => reading('look who reads the backups', () => readMarks(deps)),
  };
}

/** The mark first: whoever removes the backup after that sees it, and whoever removed it before is seen. */
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
    draft: (id) => writing(`begin the backup '${id}'`, () => createDraft({ storage, assertHeld }, checkedId(id))),
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

/** What dead runs left. @param takenMs when the lock was taken, by the storage's own clock */
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
  await mendHistories(deps);
}

async function readText(storage: Storage, id: string, file: string): Promise<string> {
  if (!FILE.test(file)) throw new Error(`'${file}' is not the name of an artefact`);
  const bytes = await storage.get(`${LAYOUT.folder}/${checkedId(id)}/${file}`, { limit: TEXT_LIMIT });
  if (bytes !== undefined) return bytes.toString('utf8');
  // Whether there is a backup at all is asked only when it has no such file.
  await requireBackup(storage, id);
  throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' has no '${file}'`);
}

/** Whether there is a backup at all is asked only when it has no events. */
async function eventsOf(storage: Storage, id: string): Promise<EventLog> {
  const log = await readEvents(eventKeysOf(storage, checkedId(id)));
  if (log.events.length === 0) await requireBackup(storage, id);
  return log;
}

/** No backup may fail because the history of another one cannot be mended: `backup list` and `backup verify` go on telling it. */
async function mendHistories({ storage, onMended }: WriterDeps): Promise<void> {
  for (const id of await storage.groups.names()) {
    const mended = await mendEvents(eventKeysOf(storage, id)).catch(() => null);
    if (mended !== null) onMended?.(id, mended);
  }
}

/** Whoever gets the folder opens files in it by name: a link in it could lead anywhere. */
async function artefacts(storage: Storage, id: string): Promise<string> {
  await requireBackup(storage, id);
  const { folder, odd } = await storage.groups.localFolder(id);
  if (odd === null) return folder;
  throw new PotctlError('E_BACKUP_CORRUPT', `'${odd}' of the backup '${id}' is not a plain file`, {
    why: 'potctl writes no symbolic links or special files into a repository',
  });
}

async function requireBackup(storage: Storage, id: string): Promise<void> {
  const state = await storage.groups.stateOf(checkedId(id));
  if (state === 'complete') return;
  if (state === 'absent') throw new PotctlError('E_BACKUP_NOT_FOUND', `there is no backup '${id}'`);
  const why = 'something else stands in its place';
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

function absent(location: string): PotctlError {
  return new PotctlError('E_REPOSITORY_FORMAT', `there is no repository at '${location}'`, {
    why: 'the directory is missing, or potctl has not written to it yet',
    fix: [
      'Check the path, and whether its disk is mounted.',
      advice`The first backup creates it: ${potctl('backup', 'create')}`,
    ],
  });
}
