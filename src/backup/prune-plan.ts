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

/** What a prune works with. */
export interface PruneDeps {
  readonly repository: Repository;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly changes?: Changes;
  /** Backups from which a restore runs, and what to say of it. */
  readonly restoring: () => Promise<ReadonlyMap<string, string>>;
  /** How far this machine's clock is ahead of the database server's; null where none can be asked. */
  readonly clockOffMs: () => Promise<number | null>;
}

/** Whose old backups go. */
export interface PruneScope {
  readonly at: Omit<SetFacts, 'systemIdentifier'>;
  readonly fromSet: string | null;
  readonly allSets: boolean;
}

/** One backup, what becomes of it, and why. Sizes in bytes. */
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
  /** Left alone although no rule keeps them: nobody can judge them. */
  readonly refused: readonly Decided[];
  readonly freed_bytes: number;
  /** Why it must be confirmed; null = it need not. */
  readonly severe: string | null;
  /** What is to be typed then. */
  readonly confirm: string;
  /** How many events each decision rests on. */
  readonly seenEvents: ReadonlyMap<string, number>;
}

/** What is known at the moment of the decision. */
export interface PruneMoment {
  readonly now: Date;
  /** Backups that are being read or restored from, by whom. */
  readonly inUse: ReadonlyMap<string, string>;
  /** The repository's name, for the confirmation of several sets. */
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
  if (goesByClock(plan, policy, entries, now)) refuseFarClock(await deps.clockOffMs());
  return plan;
}

/** Only windows and the ends of pins go by the present; the other rules compare backups with each other. */
function goesByClock(
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
 * Decides for every backup of the sets whether it stays. Pure.
 *
 * @param entries newest first, as readCatalog returns them
 * @throws PotctlError E_UNFIT when the clock went backwards; E_BACKUP_NOT_FOUND if no backup is of the set; E_REFUSED if several sets fit;
 * E_USAGE
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
      .map((entry) => describe(entry, [unjudged(entry)])),
    freed_bytes: remove.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    severe: whySevere(mine, remove, policy.maxRemove) ?? whyOutOfTime(mine, remove, policy, now),
    confirm: sets.length === 1 ? shortName(sets[0]!) : repository,
    seenEvents: seenEventsOf(mine),
  };
}

/** A severe command on production wants the profile on the command line, not from a default. @throws PotctlError E_PROFILE_REQUIRED */
export function refuseDefaultProfile(
  { name, environment, onCommandLine }: Settings['profile'],
  { severe }: PrunePlan,
): void {
  if (severe === null || environment !== 'production' || onCommandLine) return;
  throw new PotctlError('E_PROFILE_REQUIRED', `'${name}' is production: name it on the command line`, {
    why: severe,
    fix: [advice`Repeat it with its name: ${again('-p', name ?? 'NAME')}.`],
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
  throw new PotctlError('E_REFUSED', 'backups of several databases of that name are here', {
    why: { sets: [first, ...others] },
    fix: [first, ...others].map((set) => advice`If you mean this one: ${again('--from-series', set)}`),
  });
}

function noneOfSet(wanted: readonly string[], known: readonly string[], entries: readonly CatalogEntry[]): PotctlError {
  const isDenied = entries.some((entry) => !entry.ok && entry.code === 'E_FILES_DENIED');
  const of = wanted.length === 0 ? 'this database or these files' : `the set '${wanted.join("', '")}'`;
  return new PotctlError(
    isDenied ? 'E_FILES_DENIED' : 'E_BACKUP_NOT_FOUND',
    `the repository has no backups of ${of}${isDenied ? ' that this user may read' : ''}`,
    {
      why: { sets: known },
      fix: [
        ...known.slice(0, 5).map((set) => advice`Of another set on purpose: ${again('--from-series', set)}`),
        advice`Of every set: ${again('--all-series')}`,
      ],
    },
  );
}

/** Ages that are measured by a wrong clock must not decide what goes. */
function refuseBackwards(entries: readonly GoodEntry[], now: Date): void {
  const [newest] = entries;
  if (newest === undefined || !isFromFuture(newest.manifest.timestamp, now)) return;
  const isImported = newest.manifest.imported != null;
  throw new PotctlError('E_UNFIT', `the backup '${newest.id}' was taken in the future, so ages cannot be trusted`, {
    why: {
      now: now.toISOString(),
      newest_backup: newest.manifest.timestamp,
      ...(isImported ? { imported: 'its time was written without a zone, and is read as UTC' } : {}),
    },
    fix: [
      ...(isImported
        ? ['Repeat the command when that time has come.']
        : ["If this machine's clock is wrong, set it, then repeat the command: `timedatectl`"]),
      advice`If the time of that backup is wrong, remove it: ${potctl('backup', 'prune', newest.id)}`,
    ],
  });
}

/**
 * To a clock that is behind, every good backup is from the future: the database server, where there is one, tells which of them is wrong.
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
  throw new PotctlError('E_UNFIT', `the clock of this machine is ${far}, so ages cannot be trusted`, {
    why: 'a wrong clock would remove backups that are still within the window',
    fix: ['Set the clock that is wrong, then repeat the command: `timedatectl`'],
  });
}

/** What retention wants to know of a backup. */
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

/** On how many events the decision about each rests. */
export const seenEventsOf = (entries: readonly GoodEntry[]): ReadonlyMap<string, number> =>
  new Map(entries.map(({ id, events }) => [id, events.length]));

function pinText({ events }: GoodEntry, now: Date): string | null {
  const pin = pinOf(events, now);
  if (pin === null) return null;
  return pin.until === null ? pin.reason : `${pin.reason} (until ${pin.until})`;
}

function whySevere(mine: readonly GoodEntry[], remove: readonly Decided[], maxRemove: number): string | null {
  if (remove.length > maxRemove)
    return `${counted(remove.length, 'backup')} would go, more than --max-remove ${maxRemove}`;
  for (const set of new Set(remove.map((decided) => decided.set))) {
    const there = mine.filter(({ manifest }) => manifest.set === set).length;
    const going = remove.filter((decided) => decided.set === set).length;
    if (going * 2 > there) return `${going} of the ${counted(there, 'backup')} of '${set}' would go, more than half`;
  }
  return null;
}

/**
 * After a long time without a backup everything but the newest is older than the window; after a jump of the clock it only seems so, and
 * nobody here can tell the two apart.
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
    return `no backup of '${set}' was made between ${before} and today: is the clock of this machine right?`;
  }
  return null;
}

/** So much longer than the window itself must the gap be. */
const UNUSUAL_GAP_MS = 30 * 86_400_000;
/** The backup before a prune is of today. */
const JUST_MADE_MS = 86_400_000;

/** One backup and what becomes of it. */
export function describe(entry: CatalogEntry, reasons: readonly string[]): Decided {
  const { set, totals } = entry.ok ? entry.manifest : { set: null, totals: null };
  return { id: entry.id, set, created_at: takenAt(entry), bytes: totals?.stored_bytes ?? null, reasons };
}

const unjudged = ({ problem }: DamagedEntry): string => `nobody can tell what it is: ${problem}`;

/** What people call a set: the profile, the database, the directory. */
export function shortName(set: string): string {
  const name = set.startsWith('files:') ? set.slice(set.lastIndexOf('/') + 1) : set.replace(/^profile:|^[^/]*\//, '');
  return name === '' ? set : name;
}
