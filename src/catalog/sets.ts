import { PotctlError } from '../kernel/errors.js';
import { advice, again } from '../kernel/next.js';
import type { CatalogEntry } from './catalog.js';

/** Stands for the server in the name of a set when its identifier could not be read. */
const UNKNOWN_SERVER = 'unknown';

/** What decides which set a backup belongs to. */
export interface SetFacts {
  readonly profile: string | null;
  /** null when the server cannot be asked, or does not tell this role. */
  readonly systemIdentifier: string | null;
  readonly database: string | null;
  /** Absolute. */
  readonly filesPath: string | null;
}

/**
 * The name of the set that a new backup joins: `profile:NAME`; without a profile `SYSTEM_IDENTIFIER/DATABASE`, or `files:PATH` when
 * there is no database in it.
 */
export function setOf({ profile, systemIdentifier, database, filesPath }: SetFacts): string {
  if (profile !== null) return `profile:${profile}`;
  if (database !== null) return `${systemIdentifier ?? UNKNOWN_SERVER}/${database}`;
  if (filesPath !== null) return `files:${filesPath}`;
  throw new Error('a set needs a profile, a database or files');
}

/**
 * The set that a restore reads from. Like {@link setOf}, but an unknown system identifier (server unreachable, role not allowed) is
 * no obstacle: the set is then found by the database's name.
 *
 * @throws PotctlError E_REFUSED if backups of several servers' databases have that name: guessing could restore another server's data
 */
export function findSet(entries: readonly CatalogEntry[], facts: SetFacts): string {
  if (facts.profile !== null || facts.database === null) return setOf(facts);
  if (facts.systemIdentifier !== null) return ownOrImported(entries, facts, facts.database);
  const [first, ...others] = setsOfDatabase(entries, facts.database);
  if (first === undefined) return setOf(facts);
  if (others.length === 0) return first;
  throw new PotctlError('E_REFUSED', `backups of several databases '${facts.database}' are here`, {
    why: 'the server could not be asked which of them it is',
    fix: [first, ...others].map((set) => advice`If it is this one: ${again('--from-series', set)}`),
  });
}

/** The set of imported backups of a database, where no profile names theirs. */
export const importedSet = (database: string): string => `${UNKNOWN_SERVER}/${database}`;

/** Imported backups do not tell their server: they are this database's where it has none of its own. */
function ownOrImported(entries: readonly CatalogEntry[], facts: SetFacts, database: string): string {
  const [own, imported] = [setOf(facts), importedSet(database)];
  const sets = allSets(entries);
  return !sets.includes(own) && sets.includes(imported) ? imported : own;
}

/**
 * The sets that fit without asking a server: what `backup list` shows. Empty when nothing here fits.
 */
export function setsAtHand(entries: readonly CatalogEntry[], facts: Omit<SetFacts, 'systemIdentifier'>): string[] {
  if (facts.profile !== null) return [`profile:${facts.profile}`];
  const ofDatabase = facts.database === null ? [] : setsOfDatabase(entries, facts.database);
  const ofFiles = allSets(entries).filter((set) => facts.filesPath !== null && set === `files:${facts.filesPath}`);
  return [...ofDatabase, ...ofFiles];
}

/** The names of all sets in the catalogue, ascending. */
export function allSets(entries: readonly CatalogEntry[]): string[] {
  return [...new Set(entries.flatMap((entry) => (entry.ok ? [entry.manifest.set] : [])))].sort();
}

/** Only what stands before the first slash is the server: a database's name may hold slashes. */
function setsOfDatabase(entries: readonly CatalogEntry[], database: string): string[] {
  return allSets(entries).filter(
    (set) => /^(?:\d+|unknown)\//.test(set) && set.slice(set.indexOf('/') + 1) === database,
  );
}
