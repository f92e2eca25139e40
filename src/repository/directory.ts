import { lstat, readdir, realpath, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../kernel/clock.js';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import type { HostIdentity } from '../kernel/host-identity.js';
import { advice, potctl } from '../kernel/next.js';
import { getDocument, listDocuments, putDocument, sweepDocuments } from './documents.js';
import { createDraft, sweepDrafts } from './draft.js';
import { ensureFolder, readContained } from './durable.js';
import { appendEvent, eventFilesOf, mendEvents, readEvents } from './events.js';
import { BACKUPS, initialise, inspect, type Place } from './format.js';
import { acquireLease, isAtWork, type LeaseDeps, type LeaseTimes } from './lease.js';
import { type LockHolder, sweepLockDebris } from './lock-file.js';
import { markReader, readMarks, refuseRead, sweepMarks } from './readers.js';
import { type RemovalDeps, removeBackup, sweepTombstones } from './removal.js';
import type { EventLog, Hold, Lease, LockRequest, Repository } from './repository.js';
import { layReserve, withReserve } from './reserve.js';

const ID = /^\d{8}T\d{6}Z-[0-9a-f]{6}$/;
/** Segments without a leading dot: no `..`, nothing absolute. */
const FILE = /^[^/.\\\p{Cc}][^/\\\p{Cc}]*(?:\/[^/.\\\p{Cc}][^/\\\p{Cc}]*)*$/u;
const TEXT_LIMIT = 64 * 1024 * 1024;

export interface DirectoryOptions {
  readonly clock: Clock;
  readonly host: HostIdentity;
  /** `user@host` */
  readonly operator: string;
  readonly times: LeaseTimes;
  readonly onTakeover?: ((holder: LockHolder | null) => void) | undefined;
  readonly onWait?: ((holder: LockHolder | null) => void) | undefined;
  /** What is left of a removed or an unfinished backup cannot be removed. */
  readonly onStuck?: ((place: string) => void) | undefined;
  /** The damaged history of a backup was made whole from its copy. */
  readonly onMended?: ((id: string, damage: string) => void) | undefined;
}

/**
 * A repository in a directory: local disk or NFS. Nothing is written before the first changing call; `exists` tells whether there is one.
 *
 * @param location absolute path
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED
 */
export async function openDirectory(name: string, location: string, options: DirectoryOptions): Promise<Repository> {
  const place = await inspect(location);
  const gate = gateTo(location, place, options.clock);
  return {
    name,
    url: location,
    exists: gate.exists,
    freeBytes: () => guarded('ask for the free space', () => freeBytes(place.root)),
    ...readers(place.root, gate),
    ...writers({ root: place.root, name, ...options }, gate),
    ...readersAtWork({ root: place.root, name, ...options }, gate),
  };
}

/** Reading needs a repository, writing makes one. */
interface Gate {
  exists(): Promise<boolean>;
  reading<T>(action: string, read: () => Promise<T>): Promise<T>;
  writing<T>(action: string, write: () => Promise<T>): Promise<T>;
}

function gateTo(location: string, { root, state }: Place, clock: Clock): Gate {
  let isReady = state === 'ready';
  const exists = async (): Promise<boolean> => {
    isReady ||= (await inspect(root)).state === 'ready';
    return isReady;
  };
  return {
    exists,
    async reading(action, read) {
      if (!(await exists())) throw absent(location);
      return guarded(action, read);
    },
    async writing(action, write) {
      if (!(await exists())) await initialise(root, clock.now());
      isReady = true;
      return guarded(action, write);
    },
  };
}

type Readers = Pick<
  Repository,
  'list' | 'readText' | 'artefacts' | 'events' | 'appendEvent' | 'getDocument' | 'listDocuments'
>;

function readers(root: string, { reading }: Gate): Readers {
  const backups = path.join(root, BACKUPS);
  return {
    list: () => reading('list the backups', () => listIds(backups)),
    readText: (id, file) => reading(`read '${file}' of '${id}'`, () => readText(backups, id, file)),
    artefacts: (id) => reading(`open the backup '${id}'`, () => artefacts(backups, id)),
    events: (id) => reading(`read the events of '${id}'`, () => eventsOf(backups, id)),
    appendEvent: (id, event) =>
      reading(`note an event of '${id}'`, async () =>
        appendEvent(eventFilesOf(backups, id, await folderOf(backups, id)), event),
      ),
    getDocument: (document) => reading(`read '${document}'`, () => getDocument(root, document)),
    listDocuments: (folder) => reading(`list '${folder}'`, () => listDocuments(root, folder)),
  };
}

function readersAtWork(deps: LeaseDeps, { reading }: Gate): Pick<Repository, 'hold' | 'held' | 'isAtWork'> {
  const backups = path.join(deps.root, BACKUPS);
  return {
    hold: (id, command) => reading(`open the backup '${id}'`, () => holdBackup(deps, backups, checkedId(id), command)),
    isAtWork: (runId) => reading('look who holds the lock', () => isAtWork(deps, runId)),
    held: () => reading('look who reads the backups', () => readMarks(deps)),
  };
}

/** The mark first: whoever removes the backup after that sees it, and whoever removed it before is seen. */
async function holdBackup(deps: LeaseDeps, backups: string, id: string, command: string): Promise<Hold> {
  const mark = await markReader(deps, id, command);
  try {
    await folderOf(backups, id);
    return mark ?? { release: async () => {} };
  } catch (error) {
    await mark?.release();
    throw error;
  }
}

function writers(
  deps: LeaseDeps & Pick<DirectoryOptions, 'onStuck' | 'onMended'>,
  gate: Gate,
): Pick<Repository, 'draft' | 'lock' | 'remove' | 'putDocument'> {
  const { writing } = gate;
  const backups = path.join(deps.root, BACKUPS);
  let held: Lease | null = null;
  const removal = (): RemovalDeps => ({
    ...{ backups, clock: deps.clock, operator: deps.operator },
    assertHeld: async () => held?.assertHeld(),
    refuseRead: (id) => refuseRead(deps, id),
  });
  return {
    remove: (id, reason, seenEvents = null) =>
      gate.reading(`remove the backup '${id}'`, async () => {
        await folderOf(backups, id);
        await removeBackup(removal(), { id, reason, seenEvents });
      }),
    draft: (id) =>
      writing(`begin the backup '${id}'`, async () => {
        await ensureFolder(backups);
        return createDraft({ backups, assertHeld: async () => held?.assertHeld() }, checkedId(id));
      }),
    lock: (request) =>
      writing('lock the repository', async () => {
        held = await lockAndSweep(deps, backups, request);
        return held;
      }),
    putDocument: (document, text) => writing(`write '${document}'`, () => putDocument(deps.root, document, text)),
  };
}

async function lockAndSweep(
  deps: LeaseDeps & Pick<DirectoryOptions, 'onStuck' | 'onMended'>,
  backups: string,
  request: LockRequest,
): Promise<Lease> {
  const lease = await withReserve(deps.root, () => acquireLease(deps, request));
  try {
    await ensureFolder(backups);
    for (const place of [...(await sweepDrafts(backups)), ...(await sweepTombstones(backups))]) deps.onStuck?.(place);
    await sweepMarks(deps);
    await sweepLockDebris(deps.root, deps.host, lease.stampedMs);
    await sweepDocuments(deps.root, lease.stampedMs);
    await mendHistories(backups, deps.onMended);
    return { ...lease, release: () => layReserve(deps.root).then(lease.release) };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

async function listIds(backups: string): Promise<string[]> {
  try {
    return (await readdir(backups)).filter((name) => ID.test(name)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

async function readText(backups: string, id: string, file: string): Promise<string> {
  if (!FILE.test(file)) throw new Error(`'${file}' is not the name of an artefact`);
  const text = await readFrom(backups, id, file);
  if (text !== undefined) return text;
  throw new PotctlError('E_BACKUP_NOT_FOUND', `the backup '${id}' has no '${file}'`);
}

/** Whether there is a folder at all is asked only when it has no events. */
async function eventsOf(backups: string, id: string): Promise<EventLog> {
  const log = await readEvents(eventFilesOf(backups, checkedId(id)));
  if (log.events.length === 0) await folderOf(backups, id);
  return log;
}

/** No backup may fail because the history of another one cannot be mended: `backup list` and `backup verify` go on telling it. */
async function mendHistories(backups: string, onMended: DirectoryOptions['onMended']): Promise<void> {
  for (const id of await listIds(backups)) {
    const mended = await mendEvents(eventFilesOf(backups, id)).catch(() => null);
    if (mended !== null) onMended?.(id, mended);
  }
}

/** Whether there is a folder at all is asked only when there is no such file in it. */
async function readFrom(backups: string, id: string, file: string): Promise<string | undefined> {
  const text = await readContained(path.join(backups, checkedId(id)), file, TEXT_LIMIT);
  if (text === undefined) await folderOf(backups, id);
  return text;
}

/** Whoever gets the folder opens files in it by name: a link in it could lead anywhere. */
async function artefacts(backups: string, id: string): Promise<string> {
  const folder = await folderOf(backups, id);
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const odd = entries.find((entry) => !entry.isFile() && !entry.isDirectory());
  if (odd === undefined) return folder;
  const name = path.relative(folder, path.join(odd.parentPath, odd.name));
  throw new PotctlError('E_BACKUP_CORRUPT', `'${name}' of the backup '${id}' is not a plain file`, {
    why: 'potctl writes no symbolic links or special files into a repository',
  });
}

/** A failure to look is no proof that there is none. */
async function folderOf(backups: string, id: string): Promise<string> {
  const folder = path.join(backups, checkedId(id));
  const facts = await lstat(folder).catch((error: unknown) => {
    throw isErrno(error, 'ENOENT') ? new PotctlError('E_BACKUP_NOT_FOUND', `there is no backup '${id}'`) : error;
  });
  if (facts.isDirectory()) return folder;
  const why = 'something else stands in its place';
  throw new PotctlError('E_BACKUP_CORRUPT', `the backup '${id}' is not a folder`, { why });
}

/** The space of the folder above counts as long as there is no repository. */
async function freeBytes(root: string): Promise<number | null> {
  const { bavail, bsize } = await statfs(await realpath(root).catch(() => path.dirname(root)));
  return bavail * bsize;
}

function checkedId(id: string): string {
  if (!ID.test(id)) throw new PotctlError('E_BACKUP_NOT_FOUND', `'${id}' is not the id of a backup`);
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
