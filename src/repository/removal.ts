import type { Clock } from '../kernel/clock.js';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { isDenied, isFull } from '../storage/failures.js';
import type { GroupRemoval, Storage } from '../storage/storage.js';
import { appendEvent, type EventKeys, eventKeysOf, readEvents, removeEventsApart } from './events.js';
import type { EventLog } from './repository.js';

/** Where backups lie, who removes one, and what guards it. */
export interface RemovalDeps {
  readonly storage: Storage;
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
 * Takes a backup out of the list in one step, then its bytes. Whoever began to read it, or noted something of it, until that step gets it
 * back.
 *
 * @throws PotctlError E_LOCKED; E_REFUSED if a repository or a mount point would go with it; failures of the storage
 */
export async function removeBackup(deps: RemovalDeps, removal: Removal): Promise<void> {
  const { id, seenEvents } = removal;
  const { storage, refuseRead } = deps;
  const keys = eventKeysOf(storage, id);
  const group = await storage.groups.removal(id);
  const before = await readEvents(keys);
  if (seenEvents !== null && before.events.length !== seenEvents) throw changedSince(id);
  await refuseRead(id);
  await noteTombstone(deps, keys, removal.reason);
  await deps.assertHeld();
  await refuseRead(id);
  const hidden = await group.hide();
  try {
    await refuseRead(id);
    const now = await readEvents(eventKeysOf(storage, id, hidden));
    if (withoutTombstones(now) !== withoutTombstones(before)) throw changedSince(id);
  } catch (error) {
    await group.show();
    throw error;
  }
  await erase(group, keys);
}

/** On a full disk no line can be added, and that disk is why somebody removes something. */
async function noteTombstone({ clock, operator }: RemovalDeps, keys: EventKeys, reason: string): Promise<void> {
  try {
    await appendEvent(keys, { at: clock.now().toISOString(), by: operator, type: 'tombstone', reason });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

const withoutTombstones = ({ events }: EventLog): number => events.filter(({ type }) => type !== 'tombstone').length;

async function erase(group: GroupRemoval, keys: EventKeys): Promise<void> {
  try {
    await group.erase(() => removeEventsApart(keys));
  } catch (error) {
    throw new PotctlError(
      isDenied(error) || isErrno(error, 'EROFS') ? 'E_FILES_DENIED' : 'E_IO',
      `cannot remove all of '${keys.id}'`,
      {
        why: error instanceof Error ? error.message : String(error),
        changed: 'partial',
        changedDetail: `the backup '${keys.id}' is out of the list, but a part of its bytes is left in '${group.place}'`,
        fix: ['Mend what it says; the next command that locks the repository removes the rest.'],
        cause: error,
      },
    );
  }
}

const changedSince = (id: string): PotctlError =>
  new PotctlError('E_LOCKED', `the backup '${id}' was worked on in this moment`, {
    why: 'something was noted of it since it was decided to remove it: a pin, or the result of a check',
    fix: ['Repeat the command: it decides anew.'],
  });
