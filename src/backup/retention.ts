import type { KeepRules } from '../config/settings.js';
import { formatDuration } from '../duration.js';
import { type Buckets, calendarOf } from './buckets.js';

/** What a backup is worth. Only `good` ones count; the others are kept beside them where they are newer. */
export type Standing = 'good' | 'degraded' | 'damaged' | 'safety';

/** What retention knows of a backup. */
export interface Candidate {
  readonly id: string;
  readonly takenAtMs: number;
  /** `damaged`: its newest check found damage. `safety`: what a restore replaced. */
  readonly standing: Standing;
  /** Its stored bytes were found good; null = never, or not any more. */
  readonly verified: 'quick' | 'full' | null;
  /** It was restored once, and what came out was what had gone in. */
  readonly proven: boolean;
  /** Why it is pinned; null = it is not, or not any more. */
  readonly pin: string | null;
  /** Who reads it or restores from it now; null = nobody. */
  readonly inUse: string | null;
}

/** What becomes of one backup, and why. */
export interface Decision {
  readonly id: string;
  readonly keep: boolean;
  /** At least one. */
  readonly reasons: readonly string[];
}

/**
 * Decides which backups of one set stay. Pure: the same input gives the same answer.
 *
 * Whatever the rules say, these stay: pinned ones, those in use, the newest good, the newest verified (at each depth), the newest that was
 * restored from, and everything newer than the newest good. A window (`within`) is covered: the youngest good one before it stays, too.
 *
 * @param backups all of one set, in any order
 * @param zone in which days, weeks, months and years are counted
 * @returns newest first
 */
export function decideRetention(
  backups: readonly Candidate[],
  rules: KeepRules,
  { nowMs, zone }: { readonly nowMs: number; readonly zone: string },
): Decision[] {
  const sorted = [...backups].sort(newestFirst);
  const reasons = new Map<string, string[]>(sorted.map(({ id }) => [id, []]));
  const keep: Keep = (backup, reason) => void reasons.get(backup.id)?.push(reason);
  keepGuarded(sorted, keep);
  keepLast(sorted, rules.last, keep);
  keepWithin(sorted, rules.withinMs, nowMs, keep);
  keepBuckets(sorted, rules, zone, keep);
  return sorted.map((backup) => {
    const found = reasons.get(backup.id) ?? [];
    return { id: backup.id, keep: found.length > 0, reasons: found.length > 0 ? found : [whyNot(backup)] };
  });
}

type Keep = (backup: Candidate, reason: string) => void;

const isGood = ({ standing }: Candidate): boolean => standing === 'good';

function newestFirst(a: Candidate, b: Candidate): number {
  if (a.takenAtMs !== b.takenAtMs) return b.takenAtMs - a.takenAtMs;
  return a.id < b.id ? 1 : -1;
}

function keepGuarded(sorted: readonly Candidate[], keep: Keep): void {
  for (const backup of sorted) {
    if (backup.pin !== null) keep(backup, `pinned: ${backup.pin}`);
    if (backup.inUse !== null) keep(backup, `in use: ${backup.inUse}`);
  }
  const newest = (reason: string, fits: (backup: Candidate) => boolean): void => {
    const found = sorted.find((backup) => isGood(backup) && fits(backup));
    if (found !== undefined) keep(found, reason);
  };
  newest('the newest good', () => true);
  newest('the newest verified', ({ verified }) => verified !== null);
  newest('the newest verified to its depth', ({ verified }) => verified === 'full');
  newest('the newest that was restored', ({ proven }) => proven);
  const good = sorted.findIndex(isGood);
  for (const backup of sorted.slice(0, Math.max(0, good)))
    keep(backup, `${backup.standing}, newer than the newest good`);
  if (good < 0) keepBest(sorted, keep);
}

/** Without a good one the best that there is takes its place. */
function keepBest(sorted: readonly Candidate[], keep: Keep): void {
  const best = (['degraded', 'damaged', 'safety'] as const)
    .map((standing) => sorted.find((backup) => backup.standing === standing))
    .find((backup) => backup !== undefined);
  if (best !== undefined) keep(best, `${best.standing}, but there is no good one`);
}

function keepLast(sorted: readonly Candidate[], wanted: number, keep: Keep): void {
  let count = 0;
  for (const backup of sorted) {
    if (count >= wanted) return;
    if (isGood(backup)) count += 1;
    keep(
      backup,
      isGood(backup) ? `last ${count} of ${wanted}` : `${backup.standing}, not counted among the last ${wanted}`,
    );
  }
}

function keepWithin(sorted: readonly Candidate[], withinMs: number, nowMs: number, keep: Keep): void {
  if (withinMs <= 0) return;
  const begin = nowMs - withinMs;
  const window = formatDuration(withinMs);
  for (const backup of sorted) if (backup.takenAtMs >= begin) keep(backup, `within ${window}`);
  const before = sorted.find((backup) => isGood(backup) && backup.takenAtMs < begin);
  if (before !== undefined) keep(before, `the way back to the beginning of ${window}`);
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

/** A day on which nothing but degraded ones were made keeps its newest, and is not counted. */
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
  return standing === 'good' ? 'no rule keeps it' : `${standing}, and no rule keeps it`;
}
