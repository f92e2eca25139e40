import type { Clock } from '../kernel/clock.js';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { isDenied, isFull } from '../storage/failures.js';
import type { GroupRemoval, Storage } from '../storage/storage.js';
import { appendEvent, type EventKeys, eventKeysOf, readEvents, removeEventsApart } from './events.js';
import { LAYOUT } from './format.js';
import type { EventLog } from './repository.js';

/** What removing a backup depends on. */
export interface RemovalDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  /** `user@host` */
  readonly operator: string;
  /** Throws if the lock was lost: somebody else could read or remove the backup. */
  readonly assertHeld: () => Promise<void>;
  /** Throws E_LOCKED if the backup is being read. */
  readonly refuseRead: (id: string) => Promise<void>;
}

/** Which backup to remove, why, and the events that the decision is based on. */
export interface Removal {
  readonly id: string;
  readonly reason: string;
  /** Number of events known to the caller; null = ignore events. */
  readonly seenEvents: number | null;
}

/**
 * Removes a backup from the list in one step, then its bytes. If somebody started to read it or recorded an event before that step, the
 * backup is put back. If this process dies before it checked that, the next lock puts it back, as long as it has its manifest.
 *
 * @throws PotctlError E_LOCKED; E_REFUSED if it contains a repository or a mount point; failures of the storage
 */
export async function removeBackup(deps: RemovalDeps, removal: Removal): Promise<void> {
  const { id, seenEvents } = removal;
  const { storage, refuseRead } = deps;
  const keys = eventKeysOf(storage, id);
  const group = await storage.groups.removal(id);
  const before = await readEvents(keys);
  if (seenEvents !== null && before.events.length !== seenEvents) throw changedSince(id);
  await refuseRead(id);
  await recordTombstone(deps, keys, removal.reason);
  await deps.assertHeld();
  await refuseRead(id);
  const hidden = await group.hide();
  try {
    await refuseRead(id);
    const now = await readEvents(eventKeysOf(storage, id, hidden));
    if (withoutTombstones(now) !== withoutTombstones(before)) throw changedSince(id);
    // Another process that took over the lock may have put it back already.
    await deps.assertHeld();
  } catch (error) {
    await takeBack(group, id, error);
    throw error;
  }
  await erase(deps, { id, group, hidden });
}

/** Puts the backup back into the list. @param reason why it is not removed */
async function takeBack(group: GroupRemoval, id: string, reason: unknown): Promise<void> {
  try {
    await group.show();
  } catch (error) {
    throw new PotctlError(codeOf(error), `cannot put the backup '${id}' back into the list`, {
      why: `${messageOf(error)}; it should stay because: ${messageOf(reason)}`,
      changed: 'partial',
      changedDetail: `the backup '${id}' is no longer listed, but complete: all its data is in '${group.place}'`,
      fix: ['Fix that problem. The next command that locks the repository puts the backup back.'],
      cause: error,
    });
  }
}

const codeOf = (error: unknown): 'E_FILES_DENIED' | 'E_IO' =>
  isDenied(error) || isErrno(error, 'EROFS') ? 'E_FILES_DENIED' : 'E_IO';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Records the removal. On a full disk that may be impossible, and that disk is why somebody removes something. */
async function recordTombstone({ clock, operator }: RemovalDeps, keys: EventKeys, reason: string): Promise<void> {
  try {
    await appendEvent(keys, { at: clock.now().toISOString(), by: operator, type: 'tombstone', reason });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

const withoutTombstones = ({ events }: EventLog): number => events.filter(({ type }) => type !== 'tombstone').length;

/** Erases the hidden backup. While it still has its manifest, it can be put back complete. */
async function erase(
  deps: RemovalDeps,
  { id, group, hidden }: { readonly id: string; readonly group: GroupRemoval; readonly hidden: string },
): Promise<void> {
  const { storage } = deps;
  try {
    await group.erase(() => removeEventsApart(eventKeysOf(storage, id)));
  } catch (error) {
    const manifest = await storage.stat(`${hidden}/${LAYOUT.last}`).catch(() => null);
    const isWhole = manifest !== null || (await storage.groups.stateOf(id).catch(() => 'odd')) === 'complete';
    if (isWhole) await takeBack(group, id, error);
    throw notErased(id, group, { error, isWhole });
  }
}

function notErased(
  id: string,
  { place }: GroupRemoval,
  { error, isWhole }: { readonly error: unknown; readonly isWhole: boolean },
): PotctlError {
  const facts = { why: messageOf(error), cause: error };
  if (isWhole) return new PotctlError(codeOf(error), `cannot remove '${id}'`, facts);
  return new PotctlError(codeOf(error), `cannot remove all of '${id}'`, {
    ...facts,
    changed: 'partial',
    changedDetail: `the backup '${id}' is no longer listed, but part of its data remains in '${place}'`,
    fix: ['Fix that problem. The next command that locks the repository removes the rest.'],
  });
}

const changedSince = (id: string): PotctlError =>
  new PotctlError('E_LOCKED', `the backup '${id}' changed during the removal`, {
    why: 'a pin or the result of a verification was recorded since the decision to remove it',
    fix: ['Repeat the command: it will decide again.'],
  });
