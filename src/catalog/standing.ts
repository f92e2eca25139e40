import { formatDuration } from '../kernel/duration.js';
import type { CatalogEntry, GoodEntry } from './catalog.js';

/** The parts that a backup may have. */
export type Part = 'database' | 'files';

export const PARTS: readonly Part[] = ['database', 'files'];

/**
 * Whether a backup can be relied on: the one definition for `backup list`, `latest`, retention and the comparison with new backups.
 *
 * `good`: complete, not found damaged, and not dated in the future. `damaged`: its newest check found damage. `future`: a wrong clock dated
 * it in the future. `safety`: a copy of what a restore replaced.
 */
export type Standing = 'good' | 'degraded' | 'damaged' | 'future' | 'safety';

/** How far two clocks may differ before a time is not trusted. */
export const CLOCK_TOLERANCE_MS = 10 * 60_000;

/** Returns the standing of a readable backup at `now`. */
export function standingOf({ manifest, verified, eventsDamage }: GoodEntry, now: Date): Standing {
  if (manifest.kind === 'safety') return 'safety';
  if (verified?.ok === false) return 'damaged';
  if (isFromFuture(manifest.timestamp, now)) return 'future';
  return manifest.status === 'complete' && eventsDamage?.lost !== true ? 'good' : 'degraded';
}

/** Returns whether the backup can be relied on in every respect. */
export function isGood(entry: CatalogEntry, now: Date): entry is GoodEntry {
  return entry.ok && standingOf(entry, now) === 'good';
}

/** Returns the parts of the backup. */
export function partsOf({ manifest }: GoodEntry): readonly Part[] {
  return PARTS.filter((part) => (part === 'database' ? manifest.database : manifest.storage) !== null);
}

/** Returns why a backup is not good; null if it is. Being a safety backup is not a flaw. */
export function flawOf(entry: CatalogEntry, now: Date): string | null {
  if (!entry.ok) return entry.problem;
  const { manifest, verified, eventsDamage } = entry;
  if (verified?.ok === false) return `its verification at ${verified.at} found damage`;
  if (isFromFuture(manifest.timestamp, now)) {
    return `it is dated in the future (${manifest.timestamp}): this machine's clock is wrong, or the clock at its creation was`;
  }
  if (manifest.status === 'degraded') return `it is degraded: ${manifest.degraded_reasons.join('; ')}`;
  return eventsDamage?.lost === true ? `its history is damaged: ${eventsDamage.text}` : null;
}

/** Returns whether a time is in the future, beyond the tolerance. */
export function isFromFuture(timestamp: string, now: Date): boolean {
  return Date.parse(timestamp) > now.getTime() + CLOCK_TOLERANCE_MS;
}

/**
 * Describes a clock that is wrong, to the minute, e.g. `400d ahead of the database server's`; null within {@link CLOCK_TOLERANCE_MS}, or if
 * no server was asked.
 */
export function farClock(offMs: number | null): string | null {
  if (offMs === null || Math.abs(offMs) <= CLOCK_TOLERANCE_MS) return null;
  const far = formatDuration(Math.round(Math.abs(offMs) / 60_000) * 60_000);
  return `${far} ${offMs > 0 ? 'ahead of' : 'behind'} the database server's`;
}
