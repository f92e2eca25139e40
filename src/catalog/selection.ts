import { counted } from '../kernel/counted.js';
import type { ErrorCode } from '../kernel/error-catalog.js';
import { PotctlError } from '../kernel/errors.js';
import { advice, again, potctl } from '../kernel/next.js';
import type { CatalogEntry, DamagedEntry, GoodEntry } from './catalog.js';
import { shortBackupId } from './id.js';
import { allSets } from './sets.js';
import { flawOf, isGood, type Part, partsOf, standingOf } from './standing.js';

const SHOWN = 10;

export interface SelectionScope {
  /** The current series; null = any. */
  readonly set: string | null;
  /** --from-series: another series, named by the operator. */
  readonly fromSet: string | null;
  /** The present: backups dated in the future are never the latest. */
  readonly now: Date;
  /** The part that the backup must contain to be the latest; absent = any. */
  readonly part?: Part | undefined;
}

export interface Selection {
  readonly entry: GoodEntry;
  /** Newer backups that were skipped, and whether this one is degraded. */
  readonly warnings: readonly string[];
}

/**
 * Finds a backup by its id, a unique beginning of its id or of its random part (`7f3a`), `latest`, or `latest~N` for the Nth before it.
 *
 * `latest` is the newest good backup (with the wanted part), never a safety backup. If none is good, it is the newest that is readable and
 * not known to be damaged. Skipped newer backups are reported as warnings; they can still be selected by id.
 *
 * @param entries newest first, as readCatalog returns them
 * @throws PotctlError E_BACKUP_NOT_FOUND (none, or an ambiguous beginning, with the candidates), E_REFUSED (of another series, naming
 * `--from-series`), E_MANIFEST (damaged)
 */
export function selectBackup(
  entries: readonly CatalogEntry[],
  reference: string,
  { set, fromSet, now, part }: SelectionScope,
): Selection {
  const wanted = fromSet ?? set;
  if (fromSet !== null && !allSets(entries).includes(fromSet)) throw noSuchSet(entries, fromSet);
  const [, back] = /^latest(?:~(\d{1,6}))?$/.exec(reference) ?? [];
  const isLatest = reference === 'latest' || back !== undefined;
  return isLatest
    ? latest(entries, { wanted, now, part }, Number(back ?? 0))
    : byId(entries, reference, { wanted, now });
}

interface Within extends Pick<SelectionScope, 'now' | 'part'> {
  readonly wanted: string | null;
}

function latest(entries: readonly CatalogEntry[], { wanted, now, part }: Within, back: number): Selection {
  const mine = entries.filter((entry) => isIn(entry, wanted) && !(entry.ok && isOther(entry, part)));
  const readable = mine.filter((entry) => entry.ok);
  const good = readable.filter((entry) => isGood(entry, now));
  const usable = good.length > 0 ? good : readable.filter((entry) => standingOf(entry, now) !== 'damaged');
  const entry = usable[back];
  const newer = mine.slice(0, entry === undefined ? mine.length : mine.indexOf(entry));
  const skipped = newer
    .filter((candidate) => !usable.some(({ id }) => id === candidate.id))
    .map((candidate) => `'${candidate.id}' is newer, but was skipped: ${flawOf(candidate, now)}`);
  if (entry !== undefined) {
    const none = good.length > 0 ? [] : ['no backup is good; using the newest readable one'];
    return { entry, warnings: [...skipped, ...none, ...caution(entry, now)] };
  }
  const denied = entries.some((candidate) => !candidate.ok && candidate.code === 'E_FILES_DENIED');
  const code = denied ? 'E_FILES_DENIED' : 'E_BACKUP_NOT_FOUND';
  throw noneUsable(code, { entries, wanted, usable: usable.length, warnings: skipped });
}

/** Returns whether `latest` skips a backup without a warning. */
const isOther = (entry: GoodEntry, part: Part | undefined): boolean =>
  entry.manifest.kind === 'safety' || (part !== undefined && !partsOf(entry).includes(part));

function byId(entries: readonly CatalogEntry[], reference: string, { wanted, now }: Within): Selection {
  const matches = entries.filter((entry) => matchesReference(entry, reference));
  const inside = matches.filter((entry) => isIn(entry, wanted));
  const [only, ...others] = inside;
  if (others.length > 0) throw ambiguous(reference, inside);
  if (only === undefined) throw notInside(reference, matches, wanted);
  if (only.ok) return { entry: only, warnings: caution(only, now) };
  throw new PotctlError(unreadable(only), `the manifest of '${only.id}' cannot be used`, { why: only.problem });
}

/** A manifest that could not be read for lack of permission is not damaged. */
const unreadable = ({ code }: DamagedEntry) => (code === 'E_FILES_DENIED' ? code : 'E_MANIFEST');

/** The names that the old scripts gave their backups: `20261122_095046`. */
const OLD_TIMESTAMP = /^(\d{8})_(\d{6})$/;

function matchesReference({ id }: CatalogEntry, reference: string): boolean {
  const stamp = reference.replace(OLD_TIMESTAMP, '$1T$2Z-');
  return reference !== '' && (id.startsWith(stamp) || shortBackupId(id).startsWith(reference));
}

/** A damaged backup counts as part of every series: its own is unknown. */
function isIn(entry: CatalogEntry, set: string | null): boolean {
  return set === null || !entry.ok || entry.manifest.set === set;
}

/** Returns what the operator should know about the selected backup. */
function caution(entry: GoodEntry, now: Date): string[] {
  const flaw = flawOf(entry, now);
  return flaw === null ? [] : [`'${entry.id}': ${flaw}`];
}

function notInside(reference: string, matches: readonly CatalogEntry[], wanted: string | null): PotctlError {
  const [first] = allSets(matches);
  if (first === undefined) return new PotctlError('E_BACKUP_NOT_FOUND', `no backup matches '${reference}'`);
  return new PotctlError('E_REFUSED', `the backup '${reference}' belongs to another series`, {
    why: { wanted, sets: allSets(matches) },
    fix: allSets(matches).map((set) => advice`To use that series: ${again('--from-series', set)}`),
  });
}

function ambiguous(reference: string, candidates: readonly CatalogEntry[]): PotctlError {
  const more = candidates.length > SHOWN ? [`and ${candidates.length - SHOWN} more`] : [];
  return new PotctlError('E_BACKUP_NOT_FOUND', `'${reference}' matches ${candidates.length} backups`, {
    why: [...candidates.slice(0, SHOWN).map(({ id }) => id), ...more].join(', '),
    fix: ['Type more of the id.'],
  });
}

function noSuchSet(entries: readonly CatalogEntry[], set: string): PotctlError {
  return new PotctlError('E_BACKUP_NOT_FOUND', `the repository has no backups of the series '${set}'`, {
    why: { sets: allSets(entries) },
    fix: [advice`List all series: ${potctl('backup', 'list', '--all-series')}`],
  });
}

interface Looked {
  readonly entries: readonly CatalogEntry[];
  readonly wanted: string | null;
  readonly usable: number;
  readonly warnings: readonly string[];
}

function noneUsable(code: ErrorCode, { entries, wanted, usable, warnings }: Looked): PotctlError {
  const others = allSets(entries).filter((set) => set !== wanted);
  const where = wanted === null ? 'the repository' : `the series '${wanted}'`;
  const message =
    usable === 0 ? `${where} has no usable backup` : `${where} has only ${counted(usable, 'usable backup')}`;
  const skipped = warnings.length === 0 ? {} : { skipped: warnings };
  return new PotctlError(code, message, {
    why: { ...skipped, other_sets: others },
    fix: [
      advice`List all backups: ${potctl('backup', 'list', '--all-series')}`,
      ...(warnings.length === 0
        ? []
        : [advice`Verify a skipped backup again: ${potctl('backup', 'verify', 'ID', '--level', 'full')}`]),
      ...others.slice(0, 3).map((set) => advice`To use another series: ${again('--from-series', set)}`),
    ],
  });
}
