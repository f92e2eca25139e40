import { PotctlError } from '../kernel/errors.js';
import { advice, again } from '../kernel/next.js';
import type { CatalogEntry } from './catalog.js';

/** Stands for the server in the name of a series if its identifier could not be read. */
const UNKNOWN_SERVER = 'unknown';

/** What determines the series of a backup. */
export interface SetFacts {
  readonly profile: string | null;
  /** null if the server cannot be asked, or the role may not read it. */
  readonly systemIdentifier: string | null;
  readonly database: string | null;
  /** Absolute. */
  readonly filesPath: string | null;
}

/**
 * Returns the name of the series of a new backup: `profile:NAME`; without a profile `SYSTEM_IDENTIFIER/DATABASE`, or `files:PATH` for a
 * backup without a database.
 */
export function setOf({ profile, systemIdentifier, database, filesPath }: SetFacts): string {
  if (profile !== null) return `profile:${profile}`;
  if (database !== null) return `${systemIdentifier ?? UNKNOWN_SERVER}/${database}`;
  if (filesPath !== null) return `files:${filesPath}`;
  throw new Error('a series requires a profile, a database or files');
}

/**
 * Returns the series that a restore reads from. Like {@link setOf}, but if the system identifier is unknown (server unreachable, role not
 * allowed), the series is found by the name of the database.
 *
 * @throws PotctlError E_REFUSED if several series have that name: guessing could restore data of another server
 */
export function findSet(entries: readonly CatalogEntry[], facts: SetFacts): string {
  if (facts.profile !== null || facts.database === null) return setOf(facts);
  if (facts.systemIdentifier !== null) return ownOrImported(entries, facts, facts.database);
  const [first, ...others] = setsOfDatabase(entries, facts.database);
  if (first === undefined) return setOf(facts);
  if (others.length === 0) return first;
  throw new PotctlError('E_REFUSED', `the repository has backups of several databases named '${facts.database}'`, {
    why: 'the server could not be asked which of them is meant',
    fix: [first, ...others].map((set) => advice`Choose one: ${again('--from-series', set)}`),
  });
}

/** Returns the series of imported backups of a database without a profile. */
export const importedSet = (database: string): string => `${UNKNOWN_SERVER}/${database}`;

/** Returns the own series, or the imported one if there is no other: imported backups do not name their server. */
function ownOrImported(entries: readonly CatalogEntry[], facts: SetFacts, database: string): string {
  const [own, imported] = [setOf(facts), importedSet(database)];
  const sets = allSets(entries);
  return !sets.includes(own) && sets.includes(imported) ? imported : own;
}

/** Returns the series that match without asking a server, as `backup list` shows them; empty if none matches. */
export function setsAtHand(entries: readonly CatalogEntry[], facts: Omit<SetFacts, 'systemIdentifier'>): string[] {
  if (facts.profile !== null) return [`profile:${facts.profile}`];
  const ofDatabase = facts.database === null ? [] : setsOfDatabase(entries, facts.database);
  const ofFiles = allSets(entries).filter((set) => facts.filesPath !== null && set === `files:${facts.filesPath}`);
  return [...ofDatabase, ...ofFiles];
}

/** Returns the names of all series in the catalog, ascending. */
export function allSets(entries: readonly CatalogEntry[]): string[] {
  return [...new Set(entries.flatMap((entry) => (entry.ok ? [entry.manifest.set] : [])))].sort();
}

/** The server is the part before the first slash: a database name may contain slashes. */
function setsOfDatabase(entries: readonly CatalogEntry[], database: string): string[] {
  return allSets(entries).filter(
    (set) => /^(?:\d+|unknown)\//.test(set) && set.slice(set.indexOf('/') + 1) === database,
  );
}
