import { type CatalogEntry, type GoodEntry, readCatalog, takenAt, type Verified } from '../catalog/catalog.js';
import { allSets, type SetFacts, setsAtHand } from '../catalog/sets.js';
import { isFromFuture, isGood, PARTS, type Part, partsOf } from '../catalog/standing.js';
import type { DatabaseSummary, StorageSummary } from '../catalog/summary.js';
import type { Repository } from '../repository/repository.js';
import { type Pin, pinOf } from './pins.js';

export type BackupStatus = 'complete' | 'degraded' | 'damaged';

/** One backup as scripts see it. Of a damaged one only id, time, place and problem are known; the rest is null. Sizes in bytes. */
export interface ListedBackup {
  readonly id: string;
  /** RFC 3339 UTC; of a damaged one what its id says. */
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
  /** What is wrong with the record of its checks and pins; null = nothing. */
  readonly events_damage: string | null;
  /** Why no policy removes it; null = it is not pinned, or not any more. */
  readonly pinned: Pin | null;
  readonly profile: string | null;
  readonly hostname: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly note: string | null;
  readonly tool: string | null;
  readonly run_id: string | null;
  readonly trace_id: string | null;
  /** Where it came from, if another program made it. */
  readonly imported: { readonly source: 'v1' | 'bare'; readonly name: string; readonly folder: string } | null;
}

export interface ListRequest {
  /** What is known without asking a server. */
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  /** Show other sets, too. */
  readonly allSets: boolean;
  /** null = any. */
  readonly status: BackupStatus | null;
  /** For pins that end, and for times that have not come yet. */
  readonly now: Date;
}

export interface Listing {
  /** Newest first. */
  readonly items: readonly ListedBackup[];
  /** The sets that are shown; null = all, because it was asked for, or because nothing here fits what is known. */
  readonly sets: readonly string[] | null;
  /** Nothing here fits the database or the files at hand, so that all sets are shown. */
  readonly fellBack: boolean;
  /** Readable backups of other sets that are not shown. */
  readonly hidden: number;
  /** What `latest` takes among those shown (before --status); null = none is good. */
  readonly newestGood: ListedBackup | null;
  /** The newest good one of each part that this one lacks. */
  readonly newestGoodOf: readonly { readonly part: Part; readonly id: string }[];
  /** Those whose time has not come yet. */
  readonly fromFuture: readonly string[];
}

/**
 * Lists the backups of the current set, as far as it can be told without asking a server, and every damaged one: nobody knows whose it
 * is. A profile's set is exact; without a profile all sets of a database of that name are shown, and all there are when none is.
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

/** A catalogue entry as scripts see it. @param now for pins that end */
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
