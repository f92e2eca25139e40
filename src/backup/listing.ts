import { type CatalogEntry, type GoodEntry, readCatalog, takenAt, type Verified } from '../catalog/catalog.js';
import { allSets, type SetFacts, setsAtHand } from '../catalog/sets.js';
import { isFromFuture, isGood, PARTS, type Part, partsOf } from '../catalog/standing.js';
import type { DatabaseSummary, StorageSummary } from '../catalog/summary.js';
import type { Repository } from '../repository/repository.js';
import { type Pin, pinOf } from './pins.js';

export type BackupStatus = 'complete' | 'degraded' | 'damaged';

/**
 * One backup in the shape of the JSON output. Of a damaged one only id, time, location and problem are known; the rest is null. Sizes in
 * bytes.
 */
export interface ListedBackup {
  readonly id: string;
  /** RFC 3339 UTC; of a damaged backup the time in its id. */
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly duration_s: number | null;
  readonly status: BackupStatus;
  /** Why it is damaged. */
  readonly problem: string | null;
  readonly degraded_reasons: readonly string[];
  readonly kind: 'logical' | 'safety' | null;
  readonly set: string | null;
  readonly bytes_total: number | null;
  readonly rows: number | null;
  readonly parts: { readonly db: DatabaseSummary | null; readonly files: StorageSummary | null };
  readonly destinations: readonly { readonly name: string; readonly url: string }[];
  readonly verified: Verified | null;
  /** What is wrong with the history of its checks and pins; null = nothing. */
  readonly events_damage: string | null;
  /** The pin in force; null = not pinned, or no longer. */
  readonly pinned: Pin | null;
  readonly profile: string | null;
  readonly hostname: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly note: string | null;
  readonly tool: string | null;
  readonly run_id: string | null;
  readonly trace_id: string | null;
  /** The origin, if another program created it. */
  readonly imported: { readonly source: 'v1' | 'bare'; readonly name: string; readonly folder: string } | null;
}

export interface ListRequest {
  /** What is known without asking a server. */
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  /** Whether to show all series. */
  readonly allSets: boolean;
  /** null = any. */
  readonly status: BackupStatus | null;
  /** Decides which pins have expired and which backups are dated in the future. */
  readonly now: Date;
}

export interface Listing {
  /** Newest first. */
  readonly items: readonly ListedBackup[];
  /** The series that are shown; null = all, because that was requested or no series matches. */
  readonly sets: readonly string[] | null;
  /** No series matches the current database or files, so all are shown. */
  readonly fellBack: boolean;
  /** Readable backups of other series that are not shown. */
  readonly hidden: number;
  /** What `latest` selects among those shown (before --status); null = none is good. */
  readonly newestGood: ListedBackup | null;
  /** The newest good backup of each part that `newestGood` lacks. */
  readonly newestGoodOf: readonly { readonly part: Part; readonly id: string }[];
  /** Backups dated in the future. */
  readonly fromFuture: readonly string[];
}

/**
 * Lists the backups of the current series, as far as it is known without asking a server, and every damaged backup, since its series is
 * unknown. With a profile the series is exact. Without one, all series of databases with that name are shown, or all series if none
 * matches.
 *
 * @throws PotctlError E_REPOSITORY_FORMAT, E_FILES_DENIED
 */
export async function listBackups(repository: Repository, request: ListRequest): Promise<Listing> {
  const entries = await readCatalog(repository);
  const fitting = setsAtHand(entries, request.at);
  const fellBack = !request.allSets && fitting.length === 0 && allSets(entries).length > 0;
  const sets = request.allSets || fitting.length === 0 ? null : fitting;
  const shown = entries.filter((entry) => sets === null || !entry.ok || sets.includes(entry.manifest.set));
  const good = shown.filter((entry): entry is GoodEntry => isGood(entry, request.now));
  const [newestGood] = good;
  const items = shown.map((entry) => describe(entry, repository, request.now));
  return {
    items: items.filter(({ status }) => request.status === null || status === request.status),
    sets,
    fellBack,
    hidden: entries.length - shown.length,
    newestGood: newestGood === undefined ? null : describe(newestGood, repository, request.now),
    newestGoodOf: PARTS.flatMap((part) => {
      const newest = good.find((entry) => partsOf(entry).includes(part));
      return newest === undefined || partsOf(newestGood!).includes(part) ? [] : [{ part, id: newest.id }];
    }),
    fromFuture: shown.flatMap(({ id, ...entry }) =>
      entry.ok && isFromFuture(entry.manifest.timestamp, request.now) ? [id] : [],
    ),
  };
}

/** Converts a catalog entry to the shape of the JSON output. @param now for pins that expire */
export function describe(
  entry: CatalogEntry,
  { name, url }: Pick<Repository, 'name' | 'url'>,
  now: Date,
): ListedBackup {
  const place = { id: entry.id, created_at: takenAt(entry), destinations: [{ name, url }] };
  return entry.ok
    ? { ...place, ...describeGood(entry), pinned: pinOf(entry.events, now) }
    : { ...place, ...NOTHING_KNOWN, problem: entry.problem };
}

const NOTHING_KNOWN = {
  finished_at: null,
  duration_s: null,
  status: 'damaged' as const,
  degraded_reasons: [],
  kind: null,
  set: null,
  bytes_total: null,
  rows: null,
  parts: { db: null, files: null },
  verified: null,
  events_damage: null,
  pinned: null,
  profile: null,
  hostname: null,
  labels: {},
  note: null,
  tool: null,
  run_id: null,
  trace_id: null,
  imported: null,
};

function describeGood({
  manifest,
  verified,
  eventsDamage,
}: GoodEntry): Omit<ListedBackup, 'id' | 'created_at' | 'destinations' | 'pinned'> {
  const { finished_at, status, degraded_reasons, kind, set, totals, database, storage } = manifest;
  const { profile, hostname, labels, note, tool, run_id, trace_id, imported } = manifest;
  return {
    ...{
      finished_at,
      status,
      degraded_reasons,
      kind,
      set,
      verified,
      profile,
      hostname,
      labels,
      note,
      run_id,
      trace_id,
      imported,
    },
    problem: null,
    events_damage: eventsDamage?.text ?? null,
    duration_s: totals.duration_ms / 1000,
    bytes_total: totals.stored_bytes,
    rows: database?.rows_total ?? null,
    parts: { db: database, files: storage },
    tool: tool.version,
  };
}
