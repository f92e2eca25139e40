import { readCatalog } from '../catalog/catalog.js';
import { selectBackup } from '../catalog/selection.js';
import { type SetFacts, setsAtHand } from '../catalog/sets.js';
import type { Clock } from '../kernel/clock.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import type { BackupEvent, Repository } from '../repository/repository.js';

/** A pin, which protects a backup from removal. Times RFC 3339 UTC. */
export interface Pin {
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  /** null = until it is unpinned. */
  readonly until: string | null;
}

/** Returns the pin in force at `now`; null if there is none or it has expired. */
export function pinOf(events: readonly BackupEvent[], now: Date): Pin | null {
  const last = events.findLast(({ type }) => type === 'pin' || type === 'unpin');
  if (last?.type !== 'pin') return null;
  const { reason, by, at, until } = last;
  return until !== null && Date.parse(until) <= now.getTime() ? null : { reason, by, at, until };
}

/** Returns whether a pin has expired. A clock that is ahead ends pins too early. */
export function isPinOver(events: readonly BackupEvent[], now: Date): boolean {
  return pinOf(events, now) === null && pinOf(events, new Date(0)) !== null;
}

/** What pinning depends on. */
export interface PinDeps {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly operator: string;
}

/** Which backup to pin or unpin. */
export interface PinRequest {
  /** An id, a unique part of it, `latest`, `latest~1`. */
  readonly reference: string;
  readonly fromSet: string | null;
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  readonly reason: string | null;
}

/** Returns when a pin ends, in ms since 1970, given the present. */
export type Until = (nowMs: number) => number;

/** The result of pinning or unpinning. */
export interface Pinned {
  readonly id: string;
  readonly set: string;
  /** The pin in force now, or with a dry run the one that would be. */
  readonly pin: Pin | null;
  /** The previous pin. */
  readonly before: Pin | null;
}

/**
 * Pins a backup: no policy removes it until `until`, or until it is unpinned. A later pin replaces an earlier one. Needs no lock: a
 * concurrent prune keeps the backup, or this fails.
 *
 * @throws PotctlError E_BACKUP_NOT_FOUND (also if it was removed at the same moment), E_REFUSED (another series), E_USAGE (no reason, a
 * time in the past)
 */
export async function preparePin(deps: PinDeps, request: PinRequest, until?: Until): Promise<Prepared<Pinned, Pinned>> {
  const now = deps.clock.now();
  const reason = request.reason?.trim();
  if (!reason)
    throw new PotctlError('E_USAGE', "a pin requires a reason: '--reason TEXT'", {
      why: 'it tells others why to keep this backup',
      fix: [advice`Add it: ${again('--reason', 'why keep it')}`],
    });
  const pin = { reason, by: deps.operator, at: now.toISOString(), until: endOf(until, now) };
  return note(deps, request, { ...pin, type: 'pin' }, pin);
}

/** Removes the pin. If there is none, nothing is recorded. @throws as {@link preparePin} */
export async function prepareUnpin(deps: PinDeps, request: PinRequest): Promise<Prepared<Pinned, Pinned>> {
  const at = deps.clock.now().toISOString();
  return note(deps, request, { at, by: deps.operator, type: 'unpin', reason: request.reason }, null);
}

async function note(
  deps: PinDeps,
  request: PinRequest,
  event: BackupEvent,
  pin: Pin | null,
): Promise<Prepared<Pinned, Pinned>> {
  const { repository, clock } = deps;
  const entries = await readCatalog(repository);
  const sets = request.reference.startsWith('latest') ? setsAtHand(entries, request.at) : [];
  const set = sets.length === 1 ? sets[0]! : null;
  const { entry } = selectBackup(entries, request.reference, { set, fromSet: request.fromSet, now: clock.now() });
  const found = { id: entry.id, set: entry.manifest.set, pin, before: pinOf(entry.events, clock.now()) };
  return {
    plan: found,
    dryRun: async () => found,
    async apply() {
      // Somebody else may have pinned or unpinned it since.
      const { events, damage } = await repository.events(found.id);
      const now = { ...found, before: pinOf(events, clock.now()) };
      // If the history is damaged, a pin may be lost: record the unpin to settle the doubt.
      const isNothing = pin === null && now.before === null && damage?.lost !== true;
      return isNothing ? now : append(deps, event, now);
    },
  };
}

async function append({ repository, clock }: PinDeps, event: BackupEvent, found: Pinned): Promise<Pinned> {
  await repository.appendEvent(found.id, event);
  // A removal at the same moment takes the pin with it.
  const inForce = pinOf((await repository.events(found.id)).events, clock.now());
  if ((inForce === null) === (found.pin === null)) return found;
  throw new PotctlError('E_IO', `the ${event.type} of '${found.id}' did not take effect`, {
    changed: 'unknown',
    why: 'its history says otherwise: somebody else pinned or unpinned it at the same moment, or the disk is damaged',
    fix: [advice`Check it: ${potctl('backup', 'show', found.id)}`],
  });
}

function endOf(until: Until | undefined, now: Date): string | null {
  if (until === undefined) return null;
  const end = new Date(until(now.getTime()));
  if (Number.isNaN(end.getTime()) || end.getUTCFullYear() > 9999)
    throw new PotctlError('E_USAGE', "'--until' is too far in the future");
  if (end > now) return end.toISOString();
  throw new PotctlError('E_USAGE', `'--until' is in the past: ${end.toISOString()}`);
}
