import type { Candidate } from '../../src/backup/retention.js';
import { type CatalogEntry, type GoodEntry, verifiedBy } from '../../src/catalog/catalog.js';
import type { Part } from '../../src/catalog/standing.js';
import type { KeepRules } from '../../src/config/settings.js';
import type { BackupEvent } from '../../src/repository/repository.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const NO_RULES: KeepRules = { last: 0, withinMs: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

/** A good backup, named by its time. */
export function candidate(takenAt: string, facts: Partial<Candidate> = {}): Candidate {
  return {
    id: takenAt,
    takenAtMs: Date.parse(takenAt),
    parts: ['database'],
    standing: 'good',
    verified: null,
    proven: [],
    pin: null,
    inUse: null,
    ...facts,
  };
}

/** One backup of a history, and what readCatalog would make of it. */
export interface HistoryBackup {
  readonly id: string;
  readonly takenAtMs: number;
  readonly set: string;
  readonly status: 'complete' | 'degraded';
  readonly kind: 'logical' | 'safety';
  readonly parts: readonly Part[];
  /** Its manifest can be read. */
  readonly readable: boolean;
  readonly events: readonly BackupEvent[];
  readonly entry: CatalogEntry;
}

/** The same backup with other events. */
export function withEvents(
  facts: Omit<HistoryBackup, 'entry' | 'events'>,
  events: readonly BackupEvent[],
): HistoryBackup {
  return { ...facts, events, entry: entryOf(facts, events) };
}

function entryOf(facts: Omit<HistoryBackup, 'entry' | 'events'>, events: readonly BackupEvent[]): CatalogEntry {
  const { id, takenAtMs, set, status, kind, parts, readable } = facts;
  if (!readable) return { ok: false, id, code: 'E_MANIFEST', problem: 'cut' };
  const timestamp = new Date(takenAtMs).toISOString();
  const manifest = {
    id,
    timestamp,
    set,
    status,
    kind,
    database: parts.includes('database') ? {} : null,
    storage: parts.includes('files') ? {} : null,
    totals: { stored_bytes: 1 },
  } as unknown as GoodEntry['manifest'];
  return { ok: true, id, manifest, events, eventsDamage: null, verified: verifiedBy(events) };
}
