import { type CatalogEntry, type DamagedEntry, type GoodEntry, readCatalog, takenAt } from '../catalog/catalog.js';
import { allSets, type SetFacts, setsAtHand } from '../catalog/sets.js';
import { farClock, isFromFuture, partsOf, standingOf } from '../catalog/standing.js';
import type { Settings } from '../config/settings.js';
import type { Changes } from '../kernel/changes.js';
import type { Clock } from '../kernel/clock.js';
import { counted } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import type { Repository } from '../repository/repository.js';
import type { PrunePolicy } from './keep-rules.js';
import { isPinOver, pinOf } from './pins.js';
import { type Candidate, decideRetention } from './retention.js';

/** What a prune depends on. */
export interface PruneDeps {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly changes?: Changes;
  /** Backups used by a running restore, each with a description of that restore. */
  readonly restoring: () => Promise<ReadonlyMap<string, string>>;
  /** How far this machine's clock is ahead of the database server's; null if no server can be asked. */
  readonly clockOffMs: () => Promise<number | null>;
}

/** Which series are pruned. */
export interface PruneScope {
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  readonly fromSet: string | null;
  readonly allSets: boolean;
}

/** One backup and the reasons for the decision about it. Sizes in bytes. */
export interface Decided {
  readonly id: string;
  readonly set: string | null;
  readonly created_at: string;
  readonly bytes: number | null;
  readonly reasons: readonly string[];
}

/** What a prune would do. Each list is newest first. */
export interface PrunePlan {
  readonly sets: readonly string[];
  readonly keep: readonly Decided[];
  readonly remove: readonly Decided[];
  /** Not removed although no rule keeps them, because their manifests cannot be used. */
  readonly refused: readonly Decided[];
  readonly freed_bytes: number;
  /** Why confirmation is required; null = it is not. */
  readonly severe: string | null;
  /** The text to type as confirmation. */
  readonly confirm: string;
  /** The number of events that each decision is based on, by backup id. */
  readonly seenEvents: ReadonlyMap<string, number>;
}

/** Facts at the moment of the decision. */
export interface PruneMoment {
  readonly now: Date;
  /** Backups that are being read or restored from, by whom. */
  readonly inUse: ReadonlyMap<string, string>;
  /** The repository's name: the confirmation if several series are pruned. */
  readonly repository: string;
}

/** Reads the repository and decides; see {@link decidePrune}. @throws PotctlError also E_REPOSITORY_FORMAT, E_FILES_DENIED */
export async function planPrune(deps: PruneDeps, policy: PrunePolicy, scope: PruneScope): Promise<PrunePlan> {
  const { repository, clock } = deps;
  const entries = await readCatalog(repository);
  const inUse = await readInUse(deps);
  const now = clock.now();
  await refuseWrongClock(deps, entries, now);
  const plan = decidePrune(entries, policy, scope, { now, inUse, repository: repository.name });
  if (dependsOnClock(plan, policy, entries, now)) refuseFarClock(await deps.clockOffMs());
  return plan;
}

/**
 * Returns whether a removal depends on the present time: only windows and expired pins do. All other rules compare backups with each other.
 */
function dependsOnClock(
  { remove }: PrunePlan,
  { rules }: PrunePolicy,
  entries: readonly CatalogEntry[],
  now: Date,
): boolean {
  const going = new Set(remove.map(({ id }) => id));
  const mine = entries.filter((entry) => entry.ok).filter(({ id }) => going.has(id));
  return mine.length > 0 && (rules.withinMs > 0 || mine.some(({ events }) => isPinOver(events, now)));
}

/** Backups that are being read or restored from, by whom. */
export async function readInUse(deps: Pick<PruneDeps, 'repository' | 'restoring'>): Promise<Map<string, string>> {
  return new Map([...(await deps.repository.held()), ...(await deps.restoring())]);
}

/**
 * Decides for every backup of the series whether it is kept. Pure.
 *
 * @param entries newest first, as readCatalog returns them
 * @throws PotctlError E_UNFIT if the clock went backwards; E_BACKUP_NOT_FOUND if no backup belongs to the series; E_REFUSED if several
 * series match; E_USAGE
 */
export function decidePrune(
  entries: readonly CatalogEntry[],
  policy: PrunePolicy,
  scope: PruneScope,
  { now, inUse, repository }: PruneMoment,
): PrunePlan {
  const sets = setsToPrune(entries, scope);
  const mine = entries.filter((entry): entry is GoodEntry => entry.ok && sets.includes(entry.manifest.set));
  refuseBackwards(mine, now);
  const at = { nowMs: now.getTime(), zone: policy.zone };
  const decisions = sets.flatMap((set) => {
    const ofSet = mine.filter(({ manifest }) => manifest.set === set);
    const candidates = ofSet.map((entry) => candidateOf(entry, now, inUse));
    return decideRetention(candidates, policy.rules, at);
  });
  const decided = new Map(decisions.map((decision) => [decision.id, decision]));
  const listed = mine.map((entry) => ({ entry, ...decided.get(entry.id)! }));
  const remove = listed.filter(({ keep }) => !keep).map(({ entry, reasons }) => describe(entry, reasons));
  return {
    sets,
    keep: listed.filter(({ keep }) => keep).map(({ entry, reasons }) => describe(entry, reasons)),
    remove,
    refused: entries
      .filter((entry): entry is DamagedEntry => !entry.ok)
      .map((entry) => describe(entry, [notEvaluated(entry)])),
    freed_bytes: remove.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    severe: whySevere(mine, remove, policy.maxRemove) ?? whyOutOfTime(mine, remove, policy, now),
    confirm: sets.length === 1 ? shortName(sets[0]!) : repository,
    seenEvents: seenEventsOf(mine),
  };
}

/**
 * Requires the profile on the command line, not from a default, before a severe prune in production. @throws PotctlError E_PROFILE_REQUIRED
 */
export function refuseDefaultProfile(
  { name, environment, onCommandLine }: Settings['profile'],
  { severe }: PrunePlan,
): void {
  if (severe === null || environment !== 'production' || onCommandLine) return;
  throw new PotctlError('E_PROFILE_REQUIRED', `'${name}' is production: name it on the command line`, {
    why: severe,
    fix: [advice`Repeat the command with the profile: ${again('-p', name ?? 'NAME')}.`],
  });
}

function setsToPrune(entries: readonly CatalogEntry[], { at, fromSet, allSets: all }: PruneScope): readonly string[] {
  const known = allSets(entries);
  if (all && fromSet !== null)
    throw new PotctlError('E_USAGE', "'--all-series' and '--from-series' contradict each other");
  if (all) return known;
  const fitting = fromSet === null ? setsAtHand(entries, at) : [fromSet];
  const ofDatabase = fitting.filter((set) => !set.startsWith('files:'));
  const wanted = ofDatabase.length > 0 ? ofDatabase : fitting;
  const [first, ...others] = wanted.filter((set) => known.includes(set));
  if (first === undefined) throw noneOfSet(wanted, known, entries);
  if (others.length === 0) return [first];
  throw new PotctlError('E_REFUSED', 'the repository has backups of several databases with this name', {
    why: { sets: [first, ...others] },
    fix: [first, ...others].map((set) => advice`Choose one: ${again('--from-series', set)}`),
  });
}

function noneOfSet(wanted: readonly string[], known: readonly string[], entries: readonly CatalogEntry[]): PotctlError {
  const isDenied = entries.some((entry) => !entry.ok && entry.code === 'E_FILES_DENIED');
  const of = wanted.length === 0 ? 'this database or these files' : `the series '${wanted.join("', '")}'`;
  return new PotctlError(
    isDenied ? 'E_FILES_DENIED' : 'E_BACKUP_NOT_FOUND',
    `the repository has no backups of ${of}${isDenied ? ' that this user can read' : ''}`,
    {
      why: { sets: known },
      fix: [
        ...known.slice(0, 5).map((set) => advice`To prune another series: ${again('--from-series', set)}`),
        advice`To prune all series: ${again('--all-series')}`,
      ],
    },
  );
}

/** Refuses to prune if the newest backup is dated in the future: the clock and all ages may be wrong. */
function refuseBackwards(entries: readonly GoodEntry[], now: Date): void {
  const [newest] = entries;
  if (newest === undefined || !isFromFuture(newest.manifest.timestamp, now)) return;
  const isImported = newest.manifest.imported != null;
  throw new PotctlError(
    'E_UNFIT',
    `the backup '${newest.id}' is dated in the future, so the ages of backups cannot be trusted`,
    {
      why: {
        now: now.toISOString(),
        newest_backup: newest.manifest.timestamp,
        ...(isImported ? { imported: 'its time has no time zone and is read as UTC' } : {}),
      },
      fix: [
        ...(isImported
          ? ['Repeat the command after that time.']
          : ["If this machine's clock is wrong, correct it (`timedatectl`), then repeat the command."]),
        advice`If the time of that backup is wrong, remove it: ${potctl('backup', 'prune', newest.id)}`,
      ],
    },
  );
}

/**
 * Refuses to prune if a backup is dated in the future and the database server says that this machine's clock is wrong: for a clock that is
 * behind, every good backup lies in the future.
 *
 * @throws PotctlError E_UNFIT
 */
export async function refuseWrongClock(
  { clockOffMs }: Pick<PruneDeps, 'clockOffMs'>,
  entries: readonly CatalogEntry[],
  now: Date,
): Promise<void> {
  if (entries.some((entry) => entry.ok && isFromFuture(entry.manifest.timestamp, now)))
    refuseFarClock(await clockOffMs());
}

function refuseFarClock(offMs: number | null): void {
  const far = farClock(offMs);
  if (far === null) return;
  throw new PotctlError('E_UNFIT', `this machine's clock is ${far}, so the ages of backups cannot be trusted`, {
    why: 'with a wrong clock, backups that are still inside the retention window would be removed',
    fix: ['Correct the wrong clock (`timedatectl`), then repeat the command.'],
  });
}

/** Converts a catalog entry into what retention needs to know. */
export function candidateOf(entry: GoodEntry, now: Date, inUse: ReadonlyMap<string, string>): Candidate {
  const { id, manifest, events, eventsDamage, verified } = entry;
  return {
    id,
    takenAtMs: Date.parse(manifest.timestamp),
    parts: partsOf(entry),
    standing: standingOf(entry, now),
    verified: verified?.ok ? verified.level : null,
    proven: events.flatMap((event) => (event.type === 'restore' && event.ok ? (event.parts ?? partsOf(entry)) : [])),
    pin: pinText(entry, now),
    doubt: eventsDamage?.lost ? `its history is damaged: ${eventsDamage.text}` : null,
    inUse: inUse.get(id) ?? null,
  };
}

/** Returns the number of events of each backup, by id. */
export const seenEventsOf = (entries: readonly GoodEntry[]): ReadonlyMap<string, number> =>
  new Map(entries.map(({ id, events }) => [id, events.length]));

function pinText({ events }: GoodEntry, now: Date): string | null {
  const pin = pinOf(events, now);
  if (pin === null) return null;
  return pin.until === null ? pin.reason : `${pin.reason} (until ${pin.until})`;
}

function whySevere(mine: readonly GoodEntry[], remove: readonly Decided[], maxRemove: number): string | null {
  if (remove.length > maxRemove)
    return `${counted(remove.length, 'backup')} would be removed, more than --max-remove ${maxRemove}`;
  for (const set of new Set(remove.map((decided) => decided.set))) {
    const there = mine.filter(({ manifest }) => manifest.set === set).length;
    const going = remove.filter((decided) => decided.set === set).length;
    if (going * 2 > there)
      return `${going} of the ${counted(there, 'backup')} of '${set}' would be removed, more than half`;
  }
  return null;
}

/**
 * Requires confirmation after a long gap between backups. After a real gap, everything but the newest is older than the window; after a
 * jump of the clock it only looks that way, and potctl cannot tell the two apart.
 */
function whyOutOfTime(
  mine: readonly GoodEntry[],
  remove: readonly Decided[],
  { rules: { withinMs } }: PrunePolicy,
  now: Date,
): string | null {
  if (withinMs <= 0 || remove.length === 0) return null;
  const begin = new Date(now.getTime() - withinMs - UNUSUAL_GAP_MS).toISOString();
  for (const set of new Set(remove.map((decided) => decided.set))) {
    const times = mine.filter(({ manifest }) => manifest.set === set).map(({ manifest }) => manifest.timestamp);
    const before = times.find((time) => now.getTime() - Date.parse(time) > JUST_MADE_MS);
    if (before === undefined || before >= begin) continue;
    return `no backup of '${set}' was created between ${before} and today: is this machine's clock right?`;
  }
  return null;
}

/** How much longer than the window a gap must be to require confirmation. */
const UNUSUAL_GAP_MS = 30 * 86_400_000;
/** A backup younger than this may have been created by the same run. */
const JUST_MADE_MS = 86_400_000;

/** Describes one backup and the reasons for the decision about it. */
export function describe(entry: CatalogEntry, reasons: readonly string[]): Decided {
  const { set, totals } = entry.ok ? entry.manifest : { set: null, totals: null };
  return { id: entry.id, set, created_at: takenAt(entry), bytes: totals?.stored_bytes ?? null, reasons };
}

const notEvaluated = ({ problem }: DamagedEntry): string => `not evaluated: ${problem}`;

/** Returns the short name of a series: its profile, database or directory. */
export function shortName(set: string): string {
  const name = set.startsWith('files:') ? set.slice(set.lastIndexOf('/') + 1) : set.replace(/^profile:|^[^/]*\//, '');
  return name === '' ? set : name;
}
