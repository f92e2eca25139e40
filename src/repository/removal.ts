import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../kernel/clock.js';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { syncPath } from '../storage/directory/durable.js';
import { isStuck, refuseUntouchable, removeTree } from '../storage/remove-tree.js';
import { appendEvent, type EventFiles, eventFilesOf, readEvents, removeEventsApart } from './events.js';
import type { EventLog } from './repository.js';

const TOMBSTONE = '.tombstone';
const TOMBSTONE_NAME = /^\d{8}T\d{6}Z-[0-9a-f]{6}\.tombstone$/;

/** Where backups lie, who removes one, and what guards it. */
export interface RemovalDeps {
  readonly backups: string;
  readonly clock: Clock;
  /** `user@host` */
  readonly operator: string;
  /** Throws when the lock was lost: somebody else could read or remove it. */
  readonly assertHeld: () => Promise<void>;
  /** Throws E_LOCKED when somebody reads the backup. */
  readonly refuseRead: (id: string) => Promise<void>;
}

/** What is removed, why, and on what knowledge. */
export interface Removal {
  readonly id: string;
  readonly reason: string;
  /** null = whatever its events say. */
  readonly seenEvents: number | null;
}

/**
 * Takes a backup out of the list by one rename, then its bytes. Whoever began to read it, or noted something of it, until that rename
 * gets it back.
 *
 * @throws PotctlError E_LOCKED; E_REFUSED if a repository or a mount point would go with it; file system errors
 */
export async function removeBackup(deps: RemovalDeps, removal: Removal): Promise<void> {
  const { id, seenEvents } = removal;
  const folder = path.join(deps.backups, id);
  await refuseUntouchable(folder);
  const before = await readEvents(eventFilesOf(deps.backups, id));
  if (seenEvents !== null && before.events.length !== seenEvents) throw changedSince(id);
  await deps.refuseRead(id);
  await noteTombstone(deps, eventFilesOf(deps.backups, id), removal.reason);
  await deps.assertHeld();
  await deps.refuseRead(id);
  const aside = `${folder}${TOMBSTONE}`;
  await rename(folder, aside);
  try {
    await deps.refuseRead(id);
    if (withoutTombstones(await readEvents(eventFilesOf(deps.backups, id, aside))) !== withoutTombstones(before))
      throw changedSince(id);
  } catch (error) {
    await rename(aside, folder);
    throw error;
  }
  await removeBytes(deps.backups, aside, id);
}

/**
 * Finishes removals that were interrupted. The caller holds the lock.
 *
 * @returns what cannot be removed now and stays, unlisted, for the next time: no backup may fail because an old one does not go
 */
export async function sweepTombstones(backups: string): Promise<string[]> {
  const stuck: string[] = [];
  for (const name of (await readdir(backups)).filter((name) => TOMBSTONE_NAME.test(name))) {
    try {
      await refuseUntouchable(path.join(backups, name));
      await eraseManifestFirst(eventFilesOf(backups, name.slice(0, -TOMBSTONE.length), path.join(backups, name)));
    } catch (error) {
      if (!isStuck(error)) throw error;
      stuck.push(path.join(backups, name));
    }
  }
  return stuck;
}

/** On a full disk no line can be added, and that disk is why somebody removes something. */
async function noteTombstone({ clock, operator }: RemovalDeps, files: EventFiles, reason: string): Promise<void> {
  try {
    await appendEvent(files, { at: clock.now().toISOString(), by: operator, type: 'tombstone', reason });
  } catch (error) {
    const isFull = isErrno(error, 'ENOSPC', 'EDQUOT') || (error instanceof PotctlError && error.code === 'E_NO_SPACE');
    if (!isFull) throw error;
  }
}

const withoutTombstones = ({ events }: EventLog): number => events.filter(({ type }) => type !== 'tombstone').length;

/** Not before the rename is durable: after a power failure nobody may find a listed backup without its bytes. */
async function removeBytes(backups: string, aside: string, id: string): Promise<void> {
  try {
    await syncPath(backups);
    await eraseManifestFirst(eventFilesOf(backups, id, aside));
  } catch (error) {
    throw new PotctlError(
      isErrno(error, 'EACCES', 'EPERM', 'EROFS') ? 'E_FILES_DENIED' : 'E_IO',
      `cannot remove all of '${id}'`,
      {
        why: error instanceof Error ? error.message : String(error),
        changed: 'partial',
        changedDetail: `the backup '${id}' is out of the list, but a part of its bytes is left in '${aside}'`,
        fix: ['Mend what it says; the next command that locks the repository removes the rest.'],
        cause: error,
      },
    );
  }
}

/** Without a manifest nobody can take the rest for a backup. */
async function eraseManifestFirst(files: EventFiles): Promise<void> {
  await rm(path.join(files.folder, 'manifest.json'), { force: true });
  await syncPath(files.folder);
  await removeEventsApart(files);
  await removeTree(files.folder);
}

const changedSince = (id: string): PotctlError =>
  new PotctlError('E_LOCKED', `the backup '${id}' was worked on in this moment`, {
    why: 'something was noted of it since it was decided to remove it: a pin, or the result of a check',
    fix: ['Repeat the command: it decides anew.'],
  });
