import type { Clock } from '../kernel/clock.js';
import { isErrno, PotctlError } from '../kernel/errors.js';
import { isDenied, isFull } from '../storage/failures.js';
import type { GroupRemoval, Storage } from '../storage/storage.js';
import { appendEvent, type EventKeys, eventKeysOf, readEvents, removeEventsApart } from './events.js';
import { LAYOUT } from './format.js';
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
 * back; so he does where whoever removes it dies before he looked: with its manifest, the next lock shows it again.
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
    // Whoever took the lock over may have shown it already.
    await deps.assertHeld();
  } catch (error) {
    await takeBack(group, id, error);
    throw error;
  }
  await erase(deps, { id, group, hidden });
}

/** @param reason why it is not removed */
async function takeBack(group: GroupRemoval, id: string, reason: unknown): Promise<void> {
  try {
    await group.show();
  } catch (error) {
    throw new PotctlError(codeOf(error), `cannot put the backup '${id}' back into the list`, {
      why: `${messageOf(error)}; it was to stay: ${messageOf(reason)}`,
      changed: 'partial',
      changedDetail: `the backup '${id}' is out of the list, but whole: all its bytes are in '${group.place}'`,
      fix: ['Mend what it says; the next command that locks the repository puts it back.'],
      cause: error,
    });
  }
}

const codeOf = (error: unknown): 'E_FILES_DENIED' | 'E_IO' =>
  isDenied(error) || isErrno(error, 'EROFS') ? 'E_FILES_DENIED' : 'E_IO';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** On a full disk no line can be added, and that disk is why somebody removes something. */
async function noteTombstone({ clock, operator }: RemovalDeps, keys: EventKeys, reason: string): Promise<void> {
  try {
    await appendEvent(keys, { at: clock.now().toISOString(), by: operator, type: 'tombstone', reason });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

const withoutTombstones = ({ events }: EventLog): number => events.filter(({ type }) => type !== 'tombstone').length;

/** Up to the end of its manifest it can be taken back, whole. */
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
    changedDetail: `the backup '${id}' is out of the list, but a part of its bytes is left in '${place}'`,
    fix: ['Mend what it says; the next command that locks the repository removes the rest.'],
  });
}

const changedSince = (id: string): PotctlError =>
  new PotctlError('E_LOCKED', `the backup '${id}' was worked on in this moment`, {
    why: 'something was noted of it since it was decided to remove it: a pin, or the result of a check',
    fix: ['Repeat the command: it decides anew.'],
  });
