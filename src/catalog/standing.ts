import { formatDuration } from '../kernel/duration.js';
import type { CatalogEntry, GoodEntry } from './catalog.js';

/** What a backup may hold. */
export type Part = 'database' | 'files';

export const PARTS: readonly Part[] = ['database', 'files'];

/**
 * What a backup is worth: the one definition, for `backup list`, `latest`, retention, and what a new backup is compared with.
 *
 * `good`: complete, its newest evidence is no damage, and its time is not in the future. `damaged`: its newest check found damage.
 * `future`: a wrong clock gave it a time that is still to come. `safety`: what a restore replaced.
 */
export type Standing = 'good' | 'degraded' | 'damaged' | 'future' | 'safety';

/** How far two clocks may differ before what they say is not believed. */
export const CLOCK_TOLERANCE_MS = 10 * 60_000;

/** What a readable backup is worth at `now`. */
export function standingOf({ manifest, verified, eventsDamage }: GoodEntry, now: Date): Standing {
  if (manifest.kind === 'safety') return 'safety';
  if (verified?.ok === false) return 'damaged';
  if (isFromFuture(manifest.timestamp, now)) return 'future';
  return manifest.status === 'complete' && eventsDamage?.lost !== true ? 'good' : 'degraded';
}

/** Can the backup be relied upon in every respect? */
export function isGood(entry: CatalogEntry, now: Date): entry is GoodEntry {
  return entry.ok && standingOf(entry, now) === 'good';
}

/** What the backup holds. */
export function partsOf({ manifest }: GoodEntry): readonly Part[] {
  return PARTS.filter((part) => (part === 'database' ? manifest.database : manifest.storage) !== null);
}

/** Why a backup is not good, in words that follow "it"; null = it is. A safety backup is no obstacle by itself. */
export function flawOf(entry: CatalogEntry, now: Date): string | null {
  if (!entry.ok) return entry.problem;
  const { manifest, verified, eventsDamage } = entry;
  if (verified?.ok === false) return `its verify of ${verified.at} found damage`;
  if (isFromFuture(manifest.timestamp, now)) {
    return `its time, ${manifest.timestamp}, is in the future: this clock is wrong, or the one that made it was`;
  }
  if (manifest.status === 'degraded') return `it is degraded: ${manifest.degraded_reasons.join('; ')}`;
  return eventsDamage?.lost === true ? `its history is damaged: ${eventsDamage.text}` : null;
}

/** Does a backup bear a time that has not come yet? */
export function isFromFuture(timestamp: string, now: Date): boolean {
  return Date.parse(timestamp) > now.getTime() + CLOCK_TOLERANCE_MS;
}

/** `400d ahead of the database server's`, to the minute; null within {@link CLOCK_TOLERANCE_MS}, or where no server was asked. */
export function farClock(offMs: number | null): string | null {
  if (offMs === null || Math.abs(offMs) <= CLOCK_TOLERANCE_MS) return null;
  const far = formatDuration(Math.round(Math.abs(offMs) / 60_000) * 60_000);
  return `${far} ${offMs > 0 ? 'ahead of' : 'behind'} the database server's`;
}
