import { PARTS, type Part, type Standing } from '../catalog/standing.js';
import type { KeepRules } from '../config/settings.js';
import { formatDuration } from '../kernel/duration.js';
import { type Buckets, calendarOf } from './buckets.js';

/** What retention knows about a backup. */
export interface Candidate {
  readonly id: string;
  readonly takenAtMs: number;
  readonly parts: readonly Part[];
  /** Only `good` backups count towards a rule; others are kept if they are newer. */
  readonly standing: Standing;
  /** The depth at which its stored bytes were verified; null = never, or a later check failed. */
  readonly verified: 'quick' | 'full' | null;
  /** The parts that were restored and verified once. */
  readonly proven: readonly Part[];
  /** Why it is pinned; null = not pinned, or no longer. */
  readonly pin: string | null;
  /** Why it may be pinned although its history is unreadable; null or absent = no doubt. */
  readonly doubt?: string | null;
  /** Who reads it or restores from it now; null = nobody. */
  readonly inUse: string | null;
}

/** Whether one backup is kept, and why. */
export interface Decision {
  readonly id: string;
  readonly keep: boolean;
  /** At least one. */
  readonly reasons: readonly string[];
}

/**
 * Decides which backups of one series are kept. Pure: the same input gives the same answer.
 *
 * Whatever the rules say, these are kept: those of {@link guardsOf}, and everything newer than the newest good backup of its parts. A
 * window (`within`) is covered from its start: the last good backup of each part before it is kept, too.
 *
 * @param backups all of one series, in any order
 * @param zone time zone in which days, weeks, months and years are counted
 * @returns newest first
 */
export function decideRetention(
  backups: readonly Candidate[],
  rules: KeepRules,
  { nowMs, zone }: { readonly nowMs: number; readonly zone: string },
): Decision[] {
  const sorted = [...backups].sort(newestFirst);
  const reasons = new Map<string, string[]>();
  const keep = noteIn(reasons);
  keepGuarded(sorted, keep);
  keepNewer(sorted, keep);
  keepLast(sorted, rules.last, keep);
  keepWithin(sorted, rules.withinMs, nowMs, keep);
  keepBuckets(sorted, rules, zone, keep);
  return sorted.map((backup) => {
    const found = reasons.get(backup.id) ?? [];
    return { id: backup.id, keep: found.length > 0, reasons: found.length > 0 ? found : [whyNot(backup)] };
  });
}

/**
 * Returns the reasons why backups are protected from every policy and from removal by id; unprotected backups are absent. Protected are
 * pinned backups, backups in use, and per part (database, files) the newest good, the newest verified (at each depth) and the newest
 * restored. Pure.
 *
 * @param backups all of one series, in any order
 */
export function guardsOf(backups: readonly Candidate[]): ReadonlyMap<string, readonly string[]> {
  const guards = new Map<string, string[]>();
  keepGuarded([...backups].sort(newestFirst), noteIn(guards));
  return guards;
}

function noteIn(reasons: Map<string, string[]>): Keep {
  return ({ id }, reason) => {
    const known = reasons.get(id) ?? [];
    if (!known.includes(reason)) reasons.set(id, [...known, reason]);
  };
}

type Keep = (backup: Candidate, reason: string) => void;

const isGood = ({ standing }: Candidate): boolean => standing === 'good';

function newestFirst(a: Candidate, b: Candidate): number {
  if (a.takenAtMs !== b.takenAtMs) return b.takenAtMs - a.takenAtMs;
  return a.id < b.id ? 1 : -1;
}

/** The reason that protects the newest backup with a full verification. */
export const VERIFIED_FULLY = 'the newest fully verified';

/** The state of a backup as a word or two. */
const wordOf = ({ standing }: Pick<Candidate, 'standing'>): string =>
  standing === 'future' ? 'dated in the future' : standing;

function keepGuarded(sorted: readonly Candidate[], keep: Keep): void {
  for (const backup of sorted) {
    if (backup.pin !== null) keep(backup, `pinned: ${backup.pin}`);
    if (backup.doubt) keep(backup, backup.doubt);
    if (backup.inUse !== null) keep(backup, `in use: ${backup.inUse}`);
  }
  const newest = (reason: string, fits: (backup: Candidate, part: Part) => boolean): void =>
    keepNewestOfParts(sorted, { keep, reason, fits: (backup, part) => isGood(backup) && fits(backup, part) });
  newest('the newest good', () => true);
  newest('the newest verified', ({ verified }) => verified !== null);
  newest(VERIFIED_FULLY, ({ verified }) => verified === 'full');
  newest('the newest restored successfully', ({ proven }, part) => proven.includes(part));
  keepBest(sorted, keep);
}

interface Newest {
  readonly keep: Keep;
  readonly reason: string;
  readonly fits: (backup: Candidate, part: Part) => boolean;
}

/** Keeps the newest of each part: a backup without files does not replace one with files. */
function keepNewestOfParts(sorted: readonly Candidate[], { keep, reason, fits }: Newest): void {
  const present = partsIn(sorted);
  const found = new Map<Candidate, Part[]>();
  for (const part of present) {
    const newest = sorted.find((backup) => backup.parts.includes(part) && fits(backup, part));
    if (newest !== undefined) found.set(newest, [...(found.get(newest) ?? []), part]);
  }
  for (const [backup, parts] of found) {
    keep(backup, parts.length === present.length ? reason : `${reason}${WITH[parts[0]!]}`);
  }
}

const WITH: Readonly<Record<Part, string>> = { database: ' with the database', files: ' with files' };

const partsIn = (backups: readonly Candidate[]): Part[] =>
  PARTS.filter((part) => backups.some(({ parts }) => parts.includes(part)));

/** Keeps what is newer than the newest good backup of a part: it may be the only copy of that time. */
function keepNewer(sorted: readonly Candidate[], keep: Keep): void {
  const newer = new Set<Candidate>();
  for (const part of partsIn(sorted)) {
    const having = sorted.filter(({ parts }) => parts.includes(part));
    for (const backup of having.slice(0, Math.max(0, having.findIndex(isGood)))) newer.add(backup);
  }
  for (const backup of newer) keep(backup, `${wordOf(backup)}, newer than the newest good`);
}

/** Keeps the best backup of a part that no good backup has. */
function keepBest(sorted: readonly Candidate[], keep: Keep): void {
  const lost = partsIn(sorted).filter(
    (part) => !sorted.some((backup) => isGood(backup) && backup.parts.includes(part)),
  );
  for (const part of lost) {
    const best = (['degraded', 'future', 'damaged', 'safety'] as const)
      .map((standing) => sorted.find((backup) => backup.standing === standing && backup.parts.includes(part)))
      .find((backup) => backup !== undefined);
    const none = partsIn(sorted).length === lost.length ? '' : WITH[part];
    if (best !== undefined) keep(best, `${wordOf(best)}, but there is no good backup${none}`);
  }
}

function keepLast(sorted: readonly Candidate[], wanted: number, keep: Keep): void {
  let count = 0;
  for (const backup of sorted) {
    if (count >= wanted) return;
    if (isGood(backup)) count += 1;
    keep(
      backup,
      isGood(backup) ? `last ${count} of ${wanted}` : `${wordOf(backup)}, not counted among the last ${wanted}`,
    );
  }
}

function keepWithin(sorted: readonly Candidate[], withinMs: number, nowMs: number, keep: Keep): void {
  if (withinMs <= 0) return;
  const begin = nowMs - withinMs;
  const window = formatDuration(withinMs);
  for (const backup of sorted) if (backup.takenAtMs >= begin) keep(backup, `within ${window}`);
  const reason = `the last before the ${window} window`;
  keepNewestOfParts(sorted, { keep, reason, fits: (backup) => isGood(backup) && backup.takenAtMs < begin });
}

const KINDS = ['daily', 'weekly', 'monthly', 'yearly'] as const satisfies readonly (keyof Buckets)[];

function keepBuckets(sorted: readonly Candidate[], rules: KeepRules, zone: string, keep: Keep): void {
  const wanted = KINDS.filter((kind) => rules[kind] > 0);
  if (wanted.length === 0) return;
  const calendar = calendarOf(zone);
  const dated = sorted
    .filter(({ standing }) => standing === 'good' || standing === 'degraded')
    .map((backup) => ({ backup, buckets: calendar(backup.takenAtMs) }));
  for (const kind of wanted) keepNewestOfEach(dated, { kind, wanted: rules[kind], keep });
}

interface Dated {
  readonly backup: Candidate;
  readonly buckets: Buckets;
}

/** Keeps the newest of each period. A period with only degraded backups keeps its newest one, but is not counted. */
function keepNewestOfEach(
  dated: readonly Dated[],
  { kind, wanted, keep }: { readonly kind: keyof Buckets; readonly wanted: number; readonly keep: Keep },
): void {
  const withGood = new Set(dated.filter(({ backup }) => isGood(backup)).map(({ buckets }) => buckets[kind]));
  const done = new Set<string>();
  let count = 0;
  for (const { backup, buckets } of dated) {
    const bucket = buckets[kind];
    if (count >= wanted) return;
    if (done.has(bucket) || (withGood.has(bucket) && !isGood(backup))) continue;
    done.add(bucket);
    if (isGood(backup)) count += 1;
    keep(backup, isGood(backup) ? `${kind} ${bucket}` : `${kind} ${bucket}: degraded, not counted`);
  }
}

function whyNot({ standing }: Candidate): string {
  return standing === 'good' ? 'no rule keeps it' : `${wordOf({ standing })}, and no rule keeps it`;
}
